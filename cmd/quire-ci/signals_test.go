package main

import (
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/cmd/internal/command"
)

// sent is a signal that comes so long after the one before it.
type sent struct {
	after  time.Duration
	signal os.Signal
}

// Signals that come together are one wish.
func TestGestures(t *testing.T) {
	const moment, later = debounce / 10, 2 * debounce
	for name, c := range map[string]struct {
		signals      []sent
		stops, kills bool
	}{
		"Ctrl-C":                      {[]sent{{0, os.Interrupt}}, true, false},
		"Ctrl-C, and again":           {[]sent{{0, os.Interrupt}, {later, os.Interrupt}}, true, true},
		"three at one moment":         {[]sent{{0, os.Interrupt}, {moment, os.Interrupt}, {moment, syscall.SIGTERM}}, true, false},
		"timeout":                     {[]sent{{0, syscall.SIGTERM}, {0, syscall.SIGTERM}}, true, false},
		"timeout, and Ctrl-C":         {[]sent{{0, syscall.SIGTERM}, {0, syscall.SIGTERM}, {later, os.Interrupt}}, true, true},
		"a window that is closed":     {[]sent{{0, syscall.SIGHUP}, {moment, syscall.SIGHUP}, {later, syscall.SIGHUP}}, true, false},
		"Ctrl-C, and a closed window": {[]sent{{0, os.Interrupt}, {later, syscall.SIGHUP}}, true, false},
		"a closed window, and kill":   {[]sent{{0, syscall.SIGHUP}, {later, syscall.SIGTERM}}, true, true},
		"Ctrl-\\":                     {[]sent{{0, syscall.SIGQUIT}}, false, true},
		"Ctrl-C, Ctrl-\\":             {[]sent{{0, os.Interrupt}, {moment, syscall.SIGQUIT}}, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				signals := make(chan os.Signal, 2)
				stopped, killed := false, false
				go func() {
					heed(signals, func() { stopped = true })
					killed = true
				}()
				for _, s := range c.signals {
					time.Sleep(s.after)
					signals <- s.signal
				}
				synctest.Wait()
				assert.Equal(t, c.stops, stopped, "stopped")
				assert.Equal(t, c.kills, killed, "stopped")
				signals <- syscall.SIGQUIT // or the goroutine would stay
			})
		})
	}
}

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
	time.Sleep(2 * debounce) // in which it would be killed
	require.NoError(t, os.WriteFile(s.path("go"), nil, 0o666))
	if status := s.status(); status != command.StatusInterrupted {
		t.Errorf("it ends with %d:\n%s", status, s.shown())
	}
	const want = "job_started a, sh_started a, sh_finished 7, job_finished failed, run_finished failed"
	assert.Equal(t, want, events(t, s.path("events.jsonl")), "the stream")
}

// SIGQUIT kills at once, and leaves nothing behind.
func TestQuit(t *testing.T) {
	s := start(t, `jobs: [{id: a, sh: "trap '' TERM; echo $$ > begun; while :; do sleep 0.05; done"}]`)
	s.await("begun")
	s.signal(syscall.SIGQUIT)
	sent := time.Now()
	s.endsAtOnce(sent, "job_started a, sh_started a, sh_finished 137, job_finished failed, run_finished failed")
	if shown := s.shown(); !strings.Contains(shown, "quire-ci: killing what is running\n") || !strings.HasSuffix(shown, "end: interrupted\n") {
		t.Errorf("it shows\n%s", shown)
	}
	s.leavesNothing()
}
