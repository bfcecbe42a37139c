package main

import (
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/signals"
	"github.com/quire-ci/quire-project/cmd/internal/command"
)

// A terminal that is closed sends more than one SIGHUP, and what runs has its time to stop.
func TestHangUps(t *testing.T) {
	if signal.Ignored(syscall.SIGHUP) {
		t.Skip("the tests run below nohup, and so does what they start")
	}
	s := start(t, `jobs: [{id: a, sh: "trap 'until [ -e go ]; do sleep 0.05; done; exit 7' TERM; echo $$ > begun; while :; do sleep 0.05; done"}]`)
	s.await("begun")
	s.signal(syscall.SIGHUP)
	s.awaitShown("a second Ctrl-C")
	s.signal(syscall.SIGHUP)
	time.Sleep(2 * signals.Debounce) // in which it would be killed
	require.NoError(t, os.WriteFile(s.path("go"), nil, 0o666))
	if status := s.status(); status != command.StatusInterrupted {
		t.Errorf("it ends with %d:\n%s", status, s.shown())
	}
	const want = "job_started a, sh_started a, sh_finished 7, job_finished failed, run_finished failed"
	assert.Equal(t, want, events(t, s.path("events.jsonl")), "the stream")
}

// SIGQUIT kills at once, and leaves nothing behind.
func TestQuit(t *testing.T) {
	atOnce(t, func() time.Duration {
		s := start(t, `jobs: [{id: a, sh: "trap '' TERM; echo $$ > begun; while :; do sleep 0.05; done"}]`)
		s.await("begun")
		s.signal(syscall.SIGQUIT)
		took := s.endsKilled(time.Now(), "job_started a, sh_started a, sh_finished 137, job_finished failed, run_finished failed")
		if shown := s.shown(); took < killing && (!strings.Contains(shown, "quire-ci: killing the running command\n") || !strings.HasSuffix(shown, "end: interrupted\n")) {
			t.Errorf("it shows\n%s", shown)
		}
		s.leavesNothing()
		return took
	})
}
