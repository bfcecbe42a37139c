package cli

import (
	"bytes"
	"fmt"
	"os/exec"
	"regexp"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// process is the program while it runs.
type process struct {
	cmd   *exec.Cmd
	said  written
	ended chan struct{}
}

func startProcess(t *testing.T, args ...string) *process {
	t.Helper()
	return startCommand(t, exec.Command("quire-project", args...))
}

func startCommand(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{cmd: cmd, ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.said, &p.said
	require.NoError(t, p.cmd.Start())
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
	})
	return p
}

// says waits until the program says something, once.
func (p *process) says(t *testing.T, pattern string) {
	t.Helper()
	want := regexp.MustCompile(pattern)
	waitUntil(t, func() bool { return want.MatchString(p.said.String()) }, func() string {
		return fmt.Sprintf("it does not say %q: %s", pattern, &p.said)
	})
	if n := len(want.FindAllString(p.said.String(), -1)); n != 1 {
		t.Errorf("it says %q %d times: %s", pattern, n, &p.said)
	}
}

func (p *process) forget() {
	p.said.mu.Lock()
	defer p.said.mu.Unlock()
	p.said.text = bytes.Buffer{}
}

// interrupt is Ctrl-C, which ends the program with a status.
func (p *process) interrupt(t *testing.T, want int) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGINT))
	if status := p.wait(t); status != want {
		t.Errorf("interrupted, it ends with %d, want %d: %s", status, want, &p.said)
	}
}

func (p *process) wait(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		t.Fatalf("it does not end: %s", &p.said)
	}
	return p.cmd.ProcessState.ExitCode()
}

func waitUntil(t *testing.T, is func() bool, what func() string) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(5 * time.Millisecond) {
		require.False(t, time.Now().After(deadline), what())
	}
}
