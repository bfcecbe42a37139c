package shell_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/waittest"
	"github.com/quire-ci/quire-project/adapters/shell"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// A command runs in the workspace, with the given environment, an empty standard input,
// and no other open files.
func TestWhatACommandSees(t *testing.T) {
	workspace, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	const cmd = `pwd; echo "$PWD $A"; cat; ls /proc/self/fd 2>&1 | wc -l`
	r := run(t, one(t, func(ctx context.Context, sh *shell.Shell) error {
		return sh.Run(ctx, cmd)
	}), shell.Options{Workspace: workspace, Env: []string{"A=1", "PWD=/elsewhere", "PATH=" + os.Getenv("PATH")}})
	plain := exec.Command("/bin/sh", "-c", cmd)
	plain.Dir, plain.Env, plain.Stderr = workspace, append(os.Environ(), "A=1"), io.Discard
	want, err := plain.Output()
	got := firstLog(t, r, "job").stdout
	if err != nil || r.err != nil || got != string(want) {
		t.Errorf("got %q, %v, want %q, %v", got, r.err, want, err)
	}
}

func TestOtherShells(t *testing.T) {
	r := run(t, one(t, func(ctx context.Context, sh *shell.Shell) error {
		return sh.Run(ctx, "a b")
	}), shell.Options{Shell: []string{"printf", "%s %s", "-n"}})
	assert.NoError(t, r.err)
	assert.Equal(t, output{stdout: "-n a b"}, firstLog(t, r, "job"))
}

// A command may begin like an option.
func TestCommandsAreNotOptions(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"-n", "+x", "--", "-c"} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte("#!/bin/sh\necho it is $*\n"), 0o700))
		r := run(t, one(t, func(ctx context.Context, sh *shell.Shell) error {
			return sh.Run(ctx, name+" run")
		}), shell.Options{Env: []string{"PATH=" + folder + ":" + os.Getenv("PATH")}})
		assert.NoError(t, r.err)
		assert.Equal(t, output{stdout: "it is run\n"}, firstLog(t, r, "job"), name)
	}
}

// Background processes may finish their output. Those that take longer, or do not hold the
// output, are killed.
func TestBackground(t *testing.T) {
	needsProc(t)
	const grace = 800 * time.Millisecond
	for name, test := range map[string]struct {
		cmd   string
		want  output
		grace time.Duration // never ends where nothing may wait for its end
	}{
		"output that comes late":      {"(sleep .05; echo late) & echo early", output{stdout: "early\nlate\n"}, never},
		"output that does not end":    {"(echo still; touch said; sleep 3600) & until [ -e said ]; do sleep .01; done; echo here", output{stdout: "still\nhere\n"}, grace},
		"a service without output":    {"sleep 3600 > /dev/null 2>&1 & echo up", output{stdout: "up\n"}, never},
		"one that ignores SIGTERM":    {"(trap '' TERM; sleep 3600 >&2) & echo up", output{stdout: "up\n"}, grace},
		"many":                        {"for i in 1 2 3 4 5 6 7 8; do sleep 3600 & done", output{}, grace},
		"one that forks all the time": {"(while :; do sleep .01; done) & echo up", output{stdout: "up\n"}, grace},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mark, start := newMark(), time.Now()
			r := run(t, one(t, func(ctx context.Context, sh *shell.Shell) error { return sh.Run(ctx, test.cmd) }),
				shell.Options{Grace: test.grace, Env: marked(mark)})
			if took := time.Since(start); r.err != nil || test.grace == grace && took < grace {
				t.Errorf("%v after %v", r.err, took)
			}
			allGone(t, mark)
			assert.Equal(t, test.want, firstLog(t, r, "job"))
		})
	}
}

// never is a time that no test waits for.
const never = time.Hour

// A daemon that has left the group is not killed. But it does not block the run, even if
// it holds the output; the log has what it wrote until then.
func TestDaemon(t *testing.T) {
	t.Parallel()
	needsProc(t)
	if _, err := exec.LookPath("setsid"); err != nil {
		t.Skip("there is no setsid")
	}
	mark := newMark()
	t.Cleanup(func() { killAll(t, mark) })
	const filling = shell.PipeSize / 2
	r := run(t, one(t, func(ctx context.Context, sh *shell.Shell) error {
		return sh.Run(ctx, fmt.Sprintf(`setsid sh -c 'echo far; touch ready; until [ -e said ]; do sleep .01; done; sleep .2; head -c %d /dev/zero; sleep 3600' &
			until [ -e ready ]; do sleep .01; done; echo near; touch said`, filling))
	}), shell.Options{Grace: 10 * time.Second, Env: marked(mark)}) // in which it writes, however busy the machine is
	got := firstLog(t, r, "job")
	assert.NoError(t, r.err)
	assert.Equal(t, "far\nnear\n"+strings.Repeat("\x00", filling), got.stdout)
	assert.NotEmpty(t, survivors(t, mark), "the daemon was killed")
}

// A slow log loses nothing of what a daemon wrote before it was abandoned.
func TestDaemonAndASlowLog(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("setsid"); err != nil {
		t.Skip("there is no setsid")
	}
	var looks atomic.Int32
	release := make(chan struct{})
	clock := func() time.Time {
		if looks.Add(1) == 3 { // after those of two events, the one for "first"
			<-release
		}
		return time.Now()
	}
	folder := t.TempDir()
	go func() {
		defer close(release)
		for _, err := os.Stat(filepath.Join(folder, "second")); err != nil; _, err = os.Stat(filepath.Join(folder, "second")) {
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(2500 * time.Millisecond) // it has been given up by now
	}()
	r := runIn(t, folder, t.Context(), one(t, func(ctx context.Context, sh *shell.Shell) error {
		return sh.Run(ctx, `setsid sh -c 'echo first; sleep .1; echo second; touch second; sleep 6' & until [ -e second ]; do sleep .01; done`)
	}), shell.Options{Grace: 50 * time.Millisecond, Clock: clock})
	if got := firstLog(t, r, "job"); r.err != nil || got.stdout != "first\nsecond\n" {
		t.Errorf("got %q, %v", got, r.err)
	}
}

// Cancelling a run at any moment leaves a complete and true stream, and no process.
func TestCancel(t *testing.T) {
	needsProc(t)
	cmds := []string{":", "sleep .01", "sleep 60", "sleep 60 & sleep 60", "trap '' TERM; sleep 60; sleep 60",
		"trap 'exit 7' TERM; while :; do sleep .01; done", "yes > /dev/null", "(trap '' TERM; sleep 60) | (trap '' TERM; sleep 60)"}
	var jobs []shell.Job
	for i, id := range []string{"a", "b", "c"} {
		jobs = append(jobs, shell.Job{ID: id, Run: func(ctx context.Context, sh *shell.Shell) error {
			for range 4 {
				if err := sh.Run(ctx, cmds[rand.N(len(cmds))]); err != nil && i%2 == 0 {
					return err
				}
			}
			return nil
		}})
	}
	p := pipeline(t, jobs...)
	stopped := errors.New("Ctrl-C")
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for i := range 8 {
				mark := newMark()
				ctx, cancel := context.WithCancelCause(t.Context())
				timer := time.AfterFunc(rand.N(60*time.Millisecond), func() { cancel(stopped) })
				r := runIn(t, fresh(t, t.TempDir()), ctx, p, shell.Options{Grace: 50 * time.Millisecond, Env: marked(mark)})
				timer.Stop()
				allGone(t, mark)
				if run := r.record.Run; run.OpenSh != 0 || !run.Ended {
					t.Errorf("try %d: %+v", i, run)
				}
				switch {
				case r.result.Outcome == domain.Complete:
					assert.NoError(t, r.err, "complete")
					assert.Len(t, r.record.Jobs, len(jobs), "complete")
				case !errors.Is(r.err, stopped) || r.record.Run.State != projections.Failed:
					t.Errorf("got %v, %+v", r.err, r.record.Run)
				}
				cancel(nil)
			}
		})
	}
	group.Wait()
}

// The stream records the actual exit code of a stopped command.
func TestStoppedCommandsEndAsTheyDo(t *testing.T) {
	for name, test := range map[string]struct {
		cmd   string
		code  int32
		grace time.Duration
	}{
		"by SIGTERM":      {"echo ready; sleep 3600", 128 + 15, never},
		"by SIGKILL":      {"trap '' TERM; echo ready; sleep 3600; sleep 3600", 128 + 9, 300 * time.Millisecond},
		"in its own time": {"trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep .01; done", 7, never},
		"successfully":    {"trap 'exit 0' TERM; echo ready; while :; do sleep .01; done", 0, never},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			folder := t.TempDir()
			log := filepath.Join(folder, "logs", "jobs", "job", "sh-1.log")
			go func() {
				defer cancel()
				waitFor(t, log, "ready")
			}()
			r := runIn(t, folder, ctx, one(t, func(ctx context.Context, sh *shell.Shell) error {
				exit, err := sh.Try(ctx, test.cmd)
				assert.ErrorIs(t, err, context.Canceled)
				assert.Equal(t, test.code, exit.Code)
				if exit, err := sh.Try(ctx, ":"); !errors.Is(err, context.Canceled) || exit != (shell.Exit{}) {
					t.Errorf("after it: %+v, %v", exit, err)
				}
				return nil // but the job has not done what it was to do
			}), shell.Options{Grace: test.grace})
			if !errors.Is(r.err, context.Canceled) || r.record.Jobs[0].State != projections.Failed || r.record.Jobs[0].ExitCode.V != test.code {
				t.Errorf("got %v, %+v", r.err, r.record.Jobs)
			}
			if name == "in its own time" && !strings.HasSuffix(logOf(t, log).stdout, "bye\n") {
				t.Errorf("its last words are not in the log: %q", logOf(t, log))
			}
		})
	}
}

func waitFor(t testing.TB, path, text string) {
	has := func() bool { data, err := os.ReadFile(path); return err == nil && strings.Contains(string(data), text) }
	assert.True(t, waittest.Until(has), "%s does not come to hold %q", path, text)
}

// A context of the body stops a command, and the body decides what follows.
func TestTimeoutOfACommand(t *testing.T) {
	r := run(t, one(t, func(ctx context.Context, sh *shell.Shell) error {
		var short context.Context
		for after := 20 * time.Millisecond; ; after *= 2 { // until the command has begun by then
			var cancel func()
			short, cancel = context.WithTimeout(ctx, after)
			defer cancel()
			exit, err := sh.Try(short, "sleep 3600")
			require.ErrorIs(t, err, context.DeadlineExceeded)
			if exit.Seq != 0 {
				assert.EqualValues(t, 128+15, exit.Code)
				break
			}
		}
		if exit, err := sh.Try(short, "sleep 3600"); !errors.Is(err, context.DeadlineExceeded) || exit.Seq != 0 {
			t.Errorf("got %+v, %v", exit, err)
		}
		return sh.Run(ctx, "echo next")
	}), shell.Options{})
	if r.err != nil || len(r.record.ShEvents) != 2 || r.record.Run.State != projections.Complete {
		t.Errorf("got %v, %+v", r.err, r.record)
	}
}

// A context that ends after the shell has exited ends its background processes. The
// command was not stopped, because it had ended.
func TestStoppedInTheBackground(t *testing.T) {
	t.Parallel()
	needsProc(t)
	// How long it takes until the program knows that the shell has exited depends on the machine.
	for pause := time.Millisecond; ; pause *= 2 {
		exit, err := stoppedInTheBackground(t, pause)
		if err == nil && exit.Code == 3 {
			return
		}
		if pause > 30*time.Second {
			t.Fatalf("got %+v, %v", exit, err)
		}
	}
}

// stoppedInTheBackground stops a command some time after its shell has exited.
func stoppedInTheBackground(t *testing.T, pause time.Duration) (exit shell.Exit, err error) {
	folder := t.TempDir()
	r := runIn(t, folder, t.Context(), one(t, func(ctx context.Context, sh *shell.Shell) error {
		short, cancel := context.WithCancel(ctx)
		go whenReady(folder, func() {
			defer cancel()
			state := filepath.Join("/proc", strings.TrimSpace(contents(t, filepath.Join(folder, "pid"))), "stat")
			for is, err := os.ReadFile(state); err == nil && !bytes.Contains(is, []byte(") Z ")); is, err = os.ReadFile(state) {
				time.Sleep(time.Millisecond) // the shell has not exited
			}
			time.Sleep(pause)
		})
		exit, err = sh.Try(short, "sleep 3600 & echo $$ > pid; touch ready; exit 3")
		return nil
	}), shell.Options{Grace: never})
	assert.NoError(t, r.err)
	return exit, err
}

// No command outlives the body of its job, or starts after it.
func TestCommandsEndWithTheBody(t *testing.T) {
	started, ended := make(chan struct{}), make(chan error, 1)
	var after *shell.Shell
	r := run(t, one(t, func(ctx context.Context, sh *shell.Shell) error {
		go func() {
			ended <- sh.Run(context.Background(), "sleep 60")
		}()
		<-started
		after = sh
		return nil
	}), shell.Options{Observe: func(p shell.Progress) {
		if p.Event.Kind == domain.ShStarted {
			close(started)
		}
	}})
	if !errors.Is(r.err, shell.ErrOver) || !errors.Is(<-ended, shell.ErrOver) || r.record.ShEvents[0].ExitCode.V != 128+15 {
		t.Errorf("got %v, %+v", r.err, r.record.ShEvents)
	}
	if exit, err := after.Try(t.Context(), ":"); !errors.Is(err, shell.ErrOver) || exit.Seq != 0 {
		t.Errorf("got %+v, %v", exit, err)
	}
}

// A run whose context has ended does nothing, and returns an error.
func TestCancelledBeforeItBegan(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := runIn(t, t.TempDir(), ctx, sample(t), shell.Options{})
	if len(r.events) != 1 || r.events[0].Kind != domain.RunFinished || r.events[0].Outcome != domain.Failed || !errors.Is(r.err, context.Canceled) {
		t.Errorf("got %+v, %v", r.events, r.err)
	}
}

// A server that is started as the package's comment shows is never killed with the
// command, however soon the command ends.
func TestServerIsLeft(t *testing.T) {
	t.Parallel()
	needsProc(t)
	if _, err := exec.LookPath("setsid"); err != nil {
		t.Skip("there is no setsid")
	}
	mark := newMark()
	t.Cleanup(func() { killAll(t, mark) })
	const servers = 30
	r := run(t, one(t, func(ctx context.Context, sh *shell.Shell) error {
		for range servers {
			if err := sh.Run(ctx, `setsid sh -c 'exec sleep 60 > server.log 2>&1' &`); err != nil {
				return err
			}
		}
		return nil
	}), shell.Options{Env: marked(mark)})
	assert.NoError(t, r.err)
	assert.Equal(t, servers, len(survivors(t, mark)))
}

func killAll(t *testing.T, mark string) {
	for _, pid := range survivors(t, mark) {
		if n, err := strconv.Atoi(pid); err == nil {
			process, _ := os.FindProcess(n) // never fails, where there is /proc
			_ = process.Kill()
			_ = process.Release()
		}
	}
}

// A command that has suspended itself is stopped like any other.
func TestStoppedCommandEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	folder := t.TempDir()
	go whenReady(folder, func() {
		time.Sleep(50 * time.Millisecond) // for it to stop
		cancel()
	})
	r := runIn(t, folder, ctx, one(t, func(ctx context.Context, sh *shell.Shell) error {
		return sh.Run(ctx, `trap 'echo bye; exit 3' TERM; touch ready; kill -STOP $$; echo "it goes on"`)
	}), shell.Options{Grace: never})
	assert.Equal(t, "bye\n", firstLog(t, r, "job").stdout, "the log")
}

// whenReady calls do when a folder has a file "ready".
func whenReady(folder string, do func()) {
	for {
		if _, err := os.Stat(filepath.Join(folder, "ready")); err == nil {
			do()
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// When Kill ends, the command is killed, and nothing waits for its background processes.
func TestKill(t *testing.T) {
	t.Parallel()
	kill, killed := context.WithCancel(context.Background())
	mark := newMark()
	t.Cleanup(func() { killAll(t, mark) })
	folder := t.TempDir()
	go whenReady(folder, killed)
	r := runIn(t, folder, t.Context(), one(t, func(ctx context.Context, sh *shell.Shell) error {
		exit, err := sh.Try(ctx, `trap '' TERM; echo here; setsid sh -c 'touch ready; exec sleep 3600' & sleep 3600`)
		assert.EqualValues(t, 137, exit.Code, "it exits")
		return err
	}), shell.Options{Grace: never, Kill: kill, Env: marked(mark)})
	assert.Equal(t, "here\n", firstLog(t, r, "job").stdout, "the log")
	if !errors.Is(r.err, context.Canceled) || strings.Contains(r.err.Error(), "%!") {
		t.Errorf("it ends with %v", r.err)
	}
}
