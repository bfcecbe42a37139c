//go:build unix

package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/recording"
	"github.com/quire-ci/quire-project/adapters/signals"
	"github.com/quire-ci/quire-project/cmd/internal/command"
)

// A second signal kills commands that do not stop, and the stream records that.
func TestInterruptTwice(t *testing.T) {
	atOnce(t, func() time.Duration {
		s := start(t, `jobs: [{id: stubborn, sh: "trap '' INT TERM; echo $$ > begun; while :; do sleep 0.05; done"}]`)
		pid, err := strconv.Atoi(strings.TrimSpace(s.await("begun")))
		require.NoError(t, err)
		took := s.endsKilled(s.interruptTwice(), "job_started stubborn, sh_started stubborn, sh_finished 137, job_finished failed, run_finished failed")
		assert.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH, "the command is alive")
		return took
	})
}

// A second signal also ends a program that waits for a reader of its events, and leaves nothing
// behind.
func TestInterruptStuck(t *testing.T) {
	events := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(events, 0o666))
	pipe, err := os.OpenFile(events, os.O_RDWR, 0)
	require.NoError(t, err)
	defer pipe.Close()
	long := strings.Repeat("x", 100_000) // more than a pipe takes
	s := start(t, `jobs: [{id: a, sh: ": `+long+`"}]`, "--events", events)
	read := []byte{}
	for !bytes.HasSuffix(read, []byte("sh_started")) {
		read = append(read, 0)
		_, err := pipe.Read(read[len(read)-1:])
		require.NoError(t, err)
	}
	s.interruptTwice()
	assert.Equal(t, command.StatusInterrupted, s.status(), "it ends")
	s.leavesNothing()
}

// The program waits for a reader of a named pipe until Ctrl-C.
func TestInterruptBeforeEventsAreRead(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o666))
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(20*time.Millisecond, func() { cancel(signals.Interrupted{}) })
	err := (&recording.Record{Events: pipe}).Open(ctx, nil)
	assert.Equal(t, command.StatusInterrupted, statusOf(err), "it ends")
	reader, err := os.OpenFile(pipe, os.O_RDONLY, 0) // ends the waiting
	require.NoError(t, err)
	reader.Close()
}

// On a terminal, a command that asks for a password fails at once, and a pipeline's file cannot control
// the terminal.
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
