package docs

import (
	"context"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/storetest/services"
)

var pasted = regexp.MustCompile("(?s)```sh\n(.*?)```")
var printed = regexp.MustCompile("(?s)```text\n(.*?)```")

// The blocks of docs/tutorial-workers.md work if you paste them into one shell, and print the lines of
// the page.
func TestWorkersTutorial(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds programs that are tested elsewhere")
	}
	t.Parallel()
	services.PostgreSQL(t) // skips the test if it is missing
	page := read(t, "docs/tutorial-workers.md")
	for _, port := range []string{"4333", "5444"} {
		require.Contains(t, page, port, "the page has no port")
		_, free, _ := strings.Cut(services.FreePort(t), ":")
		page = strings.ReplaceAll(page, port, free)
	}
	script := ""
	for _, block := range pasted.FindAllStringSubmatch(page, -1) {
		script += block[1]
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-eu", "-c", script)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%v: %s", err, out)
	shown := printed.FindAllStringSubmatch(page, -1)
	for _, block := range shown {
		for line := range strings.Lines(block[1]) {
			assert.Contains(t, string(out), strings.TrimSpace(line), "it does not print")
		}
	}
	assert.GreaterOrEqual(t, len(shown), 3, "only")
}
