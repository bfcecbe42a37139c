package cli

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const cliDocs = "../../docs/cli.md"

// docs/cli.md has the help of all commands; go test -update writes it.
func TestCLIDocs(t *testing.T) {
	var want strings.Builder
	want.WriteString("# The command line\n\n<!-- Written by go test ./cmd/cli -update; do not edit. -->\n")
	for _, command := range []string{
		"", "check", "compare", "trends", "log", "rebuild", "verify", "versions", "export", "prune", "follow", "serve", "token", "publish", "subscribe",
		"quarantine", "quarantine list", "quarantine show", "quarantine retry", "quarantine drop", "projections", "schema", "completion",
	} {
		var out, errs bytes.Buffer
		args := append(strings.Fields(command), "--help")
		if status := Run(t.Context(), args, &out, &errs); status != 0 || errs.Len() > 0 {
			t.Fatalf("%v ends with %d: %s", args, status, errs.String())
		}
		want.WriteString("\n## " + strings.TrimSpace("quire-project "+command) + "\n\n```\n" + out.String() + "```\n")
	}
	if *update {
		require.NoError(t, os.WriteFile(cliDocs, []byte(want.String()), 0o666))
	}
	got, err := os.ReadFile(cliDocs)
	assert.NoError(t, err, "docs/cli.md is not what the commands say")
	assert.Equal(t, want.String(), string(got), "docs/cli.md is not what the commands say")
}
