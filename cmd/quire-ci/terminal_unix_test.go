//go:build unix

package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/cmd/internal/command"
)

// On a terminal, a command that asks there for a password fails at once, and what a
// pipeline's file holds cannot control the terminal.
func TestOnTerminal(t *testing.T) {
	cmd := exec.Command("quire-ci", "run", "--workspace", workspace(t, `jobs:
  - id: "a\u202eb\u2028c"
    sh: "printf 'Password: ' > /dev/tty; read x < /dev/tty"
`))
	cmd.Env = append(os.Environ(), "TERM=xterm", "TMPDIR="+t.TempDir())
	terminal, err := pty.Start(cmd)
	require.NoError(t, err)
	defer terminal.Close()
	stuck := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer stuck.Stop()
	shown, _ := io.ReadAll(terminal) // a terminal ends with an error
	_ = cmd.Wait()
	if status := cmd.ProcessState.ExitCode(); status != command.StatusFailed {
		t.Errorf("it ends with %d:\n%s", status, shown) // -1 if it was stuck
	}
	if bytes.ContainsAny(shown, "\u202e\u2028") || !bytes.Contains(shown, []byte(`\u202e`)) {
		t.Errorf("it shows %q", shown)
	}
}
