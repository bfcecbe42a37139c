package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/signals"
	"github.com/quire-ci/quire-project/cmd/internal/command"
)

// started is a run in progress.
type started struct {
	t      *testing.T
	cmd    *exec.Cmd
	folder string
	ended  chan error
}

// start starts a run of a pipeline with its own temporary folder.
func start(t *testing.T, pipeline string, flags ...string) *started {
	t.Helper()
	s := prepare(t, pipeline, flags...)
	s.begin()
	return s
}

func prepare(t *testing.T, pipeline string, flags ...string) *started {
	t.Helper()
	s := &started{t: t, folder: workspace(t, pipeline), ended: make(chan error, 1)}
	if !slices.Contains(flags, "--events") {
		flags = append(flags, "--events", "events.jsonl")
	}
	s.cmd = exec.Command("quire-ci", append([]string{"run"}, flags...)...)
	s.cmd.Dir = s.folder
	stderr, err := os.Create(s.path("stderr"))
	require.NoError(t, err)
	t.Cleanup(func() { stderr.Close() })
	s.cmd.Stderr = stderr
	require.NoError(t, os.Mkdir(s.path("tmp"), 0o777))
	s.cmd.Env = append(os.Environ(), "TMPDIR="+s.path("tmp"))
	return s
}

func (s *started) begin() {
	s.t.Helper()
	require.NoError(s.t, s.cmd.Start())
	s.t.Cleanup(func() { s.cmd.Process.Kill() })
	go func() { s.ended <- s.cmd.Wait() }()
}

// workspace makes a folder with a pipeline.
func workspace(t *testing.T, pipeline string) string {
	t.Helper()
	folder := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(folder, ".quire"), 0o777))
	require.NoError(t, os.WriteFile(filepath.Join(folder, ".quire", "ci.yaml"), []byte(pipeline), 0o666))
	return folder
}

func (s *started) path(name string) string { return filepath.Join(s.folder, name) }

// shown returns its output to people so far.
func (s *started) shown() string {
	text, _ := os.ReadFile(s.path("stderr"))
	return string(text)
}

// await waits until a file has contents, and returns them.
func (s *started) await(name string) string {
	s.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if text, _ := os.ReadFile(s.path(name)); len(text) > 0 {
			return string(text)
		}
		require.True(s.t, time.Now().Before(deadline), "there is no %s", name)
	}
}

// interruptTwice interrupts twice, the second time after the program has reacted to the first and
// counts another one. It returns the time of the second one.
func (s *started) interruptTwice() time.Time {
	s.t.Helper()
	s.signal(os.Interrupt)
	s.awaitShown("a second Ctrl-C")
	time.Sleep(signals.Debounce)
	s.signal(os.Interrupt)
	return time.Now()
}

// awaitShown waits until the output contains words.
func (s *started) awaitShown(words string) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); !strings.Contains(s.shown(), words); time.Sleep(10 * time.Millisecond) {
		require.True(s.t, time.Now().Before(deadline), "it does not say %q:\n%s", words, s.shown())
	}
}

// endsKilled waits for the end of a killed run, and returns how long that took. If the run had time, its
// stream must be complete.
func (s *started) endsKilled(killed time.Time, want string) time.Duration {
	s.t.Helper()
	if status := s.status(); status != command.StatusInterrupted {
		s.t.Errorf("it ends with %d:\n%s", status, s.shown())
	}
	took := time.Since(killed)
	if took < killing {
		assert.Equal(s.t, want, events(s.t, s.path("events.jsonl")), "the stream")
	}
	return took
}

// killing is how long a killed run may take to record its end. Without a kill, a command has five
// seconds.
const killing = 2 * time.Second

// atOnce repeats a test that kills a run until the run ends at once. A busy machine needs several tries.
func atOnce(t *testing.T, test func() time.Duration) {
	t.Helper()
	for range 20 {
		if test() < killing || t.Failed() {
			return
		}
	}
	t.Error("no run that was killed has ended at once")
}

// patience is how long a test waits for something that must happen.
const patience = 5 * time.Minute

func (s *started) signal(signal os.Signal) {
	s.t.Helper()
	require.NoError(s.t, s.cmd.Process.Signal(signal))
}

// status waits for the end, and returns the exit status.
func (s *started) status() int {
	s.t.Helper()
	select {
	case err := <-s.ended:
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			s.t.Fatal(err)
		}
		return s.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		s.t.Fatal("it does not end")
		return 0
	}
}

// A signal stops the run. The stream and the logs record how it ended.
func TestInterrupt(t *testing.T) {
	const pipeline = `jobs:
  - id: long
    sh:
      - "trap 'echo bye; exit 7' INT TERM; echo $$ > begun; while :; do sleep 0.05; done"
      - echo never
  - id: next
    sh: echo never
`
	for _, interrupt := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(interrupt.String(), func(t *testing.T) {
			if signal.Ignored(interrupt) {
				t.Skip("the tests run below nohup, and so does what they start")
			}
			s := start(t, pipeline)
			s.await("begun")
			s.signal(interrupt)
			if status := s.status(); status != command.StatusInterrupted {
				t.Errorf("it ends with %d:\n%s", status, s.shown())
			}
			want := "job_started long, sh_started long, sh_finished 7, job_finished failed, run_finished failed"
			assert.Equal(t, want, events(t, s.path("events.jsonl")), "the stream")
			shown := s.shown()
			for _, part := range []string{"stopping; a second Ctrl-C", "    | bye\n", "quire-ci: the run was stopped before its end: interrupted\n"} {
				assert.Equal(t, 1, strings.Count(shown, part), "not once")
			}
			s.leavesNothing()
		})
	}
}

// leavesNothing checks that no temporary folder is left.
func (s *started) leavesNothing() {
	s.t.Helper()
	if left, _ := os.ReadDir(s.path("tmp")); len(left) > 0 {
		s.t.Errorf("it leaves %v", left)
	}
}

// After a second signal, the program does not wait for a process that has left the group and holds the
// output. The stream is still complete.
func TestInterruptTwiceWhileOutputIsHeld(t *testing.T) {
	atOnce(t, func() time.Duration {
		s := start(t, `jobs: [{id: a, sh: "setsid sh -c 'echo $$ > begun; exec sleep 3600' & sleep 3600"}]`)
		left, err := strconv.Atoi(strings.TrimSpace(s.await("begun")))
		require.NoError(t, err)
		process, _ := os.FindProcess(left)
		defer process.Kill()
		took := s.endsKilled(s.interruptTwice(), "job_started a, sh_started a, sh_finished 143, job_finished failed, run_finished failed")
		s.leavesNothing()
		return took
	})
}

// A second signal also ends a program whose output is not read.
func TestInterruptWhileNobodyReads(t *testing.T) {
	read, write, err := os.Pipe()
	require.NoError(t, err)
	defer read.Close()
	require.NoError(t, write.SetWriteDeadline(time.Now().Add(20*time.Millisecond)))
	for err == nil { // fill it
		_, err = write.Write(make([]byte, 4096))
	}
	s := prepare(t, `jobs: [{id: a, sh: "sleep 3600"}]`)
	s.cmd.Stderr = write
	s.begin()
	write.Close()
	s.await("events.jsonl")
	s.signal(os.Interrupt)
	time.Sleep(2 * signals.Debounce)
	s.signal(os.Interrupt)
	assert.Equal(t, command.StatusInterrupted, s.status(), "it ends")
	s.leavesNothing()
}

// brittle is a standard error whose writes panic.
type brittle struct{ bytes.Buffer }

func (b *brittle) Write(p []byte) (int, error) {
	if strings.Contains(string(p), "✓ 1 job,") {
		panic("brittle")
	}
	return b.Buffer.Write(p)
}

// Temporary logs are removed even if the program panics.
func TestPanic(t *testing.T) {
	folder := workspace(t, `jobs: [{id: a, sh: echo shown}]`)
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	var shown brittle
	func() {
		defer func() {
			assert.NotNil(t, recover(), "it did not panic")
		}()
		run(t.Context(), []string{"run", "--workspace", folder}, &bytes.Buffer{}, &shown)
	}()
	assert.Contains(t, shown.String(), "    | shown\n", "it shows")
	if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
		t.Errorf("it leaves %v (%v)", left, err)
	}
}

// A closing terminal sends more than one SIGHUP, and commands still have time to stop.
func TestHangUps(t *testing.T) {
	if signal.Ignored(syscall.SIGHUP) {
		t.Skip("the tests run below nohup, and so does what they start")
	}
	s := start(t, `jobs: [{id: a, sh: "trap 'until [ -e go ]; do sleep 0.05; done; exit 7' TERM; echo $$ > begun; while :; do sleep 0.05; done"}]`)
	s.await("begun")
	s.signal(syscall.SIGHUP)
	s.awaitShown("a second Ctrl-C")
	s.signal(syscall.SIGHUP)
	time.Sleep(2 * signals.Debounce) // long enough to be killed
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
