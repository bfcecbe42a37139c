package docs

import (
	"context"
	"net"
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

// The blocks of docs/tutorial-workers.md work when they are pasted into one shell, and print
// what the page says, among other things.
func TestWorkersTutorial(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds programs that are tested elsewhere")
	}
	t.Parallel()
	services.PostgreSQL(t) // or it is skipped
	page := read(t, "docs/tutorial-workers.md")
	script := ""
	for _, block := range pasted.FindAllStringSubmatch(page, -1) {
		script += block[1]
	}
	for _, port := range []string{"4333", "5444"} {
		require.Contains(t, script, port, "the page has no port")
		script = strings.ReplaceAll(script, port, freePort(t))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
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

// freePort returns a port that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	return port
}
