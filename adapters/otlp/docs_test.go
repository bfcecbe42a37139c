package otlp

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/laws"
)

// The page of the docs names every attribute and every type of error.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/opentelemetry.md")
	require.NoError(t, err)
	named := func(word any) { assert.Contains(t, string(page), "`"+word.(string)+"`") }
	seen := map[string]bool{}
	labels := []domain.Label{{Key: "repo", Value: "https://e.com/a"}, {Key: "ref", Value: "refs/heads/a"}, {Key: "sha", Value: "1"}, {Key: "url", Value: "https://e.com/1"}, {Key: "KEY", Value: "x"}}
	for _, span := range spansOf(t, read(t, write(t, laws.Entries([]domain.Event{
		laws.RunStarted(1, labels...), domain.NewJobStarted(2, "a"), domain.NewShStarted(2, "a", "x"), domain.NewShFinished(1, "a", 1), domain.NewShStarted(2, "a", "x"),
		domain.NewJobFinished(3, "a", domain.Failed), domain.NewRunFinished(4, domain.Failed),
	}), Options{Commands: true}))) {
		for key, value := range span.Attributes().AsRaw() {
			seen[key] = true
			if strings.HasSuffix(key, ".result") || key == attrErrorType {
				named(value)
			}
		}
		for key := range span.resource {
			seen[key] = true
		}
	}
	for key := range seen {
		named(key)
	}
	assert.Len(t, seen, 24)
}
