package shell_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/shell"
	"github.com/quire-ci/quire-project/domain"
)

// failing is a writer whose nth write, from 0, takes some bytes and fails.
type failing struct {
	bytes.Buffer
	n, takes int
	writes   int
}

var errBroken = errors.New("the disk is gone")

func (w *failing) Write(p []byte) (int, error) {
	w.writes++
	if w.writes-1 < w.n {
		return w.Buffer.Write(p)
	}
	n, _ := w.Buffer.Write(p[:min(w.takes, len(p))])
	return n, errBroken
}

// sample is a pipeline whose commands each leave a trace in the workspace, and whose
// bodies ignore errors.
func sample(t testing.TB) *shell.Pipeline {
	stubborn := func(n int) body {
		return func(ctx context.Context, sh *shell.Shell) error {
			for i := range n {
				_ = sh.Run(ctx, fmt.Sprintf("echo %d; echo >> spawned; exit %d", i, i))
			}
			return nil
		}
	}
	return pipeline(t,
		shell.Job{ID: "a", Run: stubborn(2)},
		shell.Job{ID: "b", Run: stubborn(0)},
		shell.Job{ID: "c", Run: stubborn(3)})
}

// Whichever event cannot be written, the stream ends before it, no more commands are
// started, and the run returns the error.
func TestFailingSink(t *testing.T) {
	whole := run(t, sample(t), shell.Options{Clock: ticking(0)})
	require.NoError(t, whole.err)
	for n := range whole.events {
		for _, takes := range []int{0, 20, 1 << 20} {
			t.Run(fmt.Sprintf("event %d after %d bytes", n, takes), func(t *testing.T) {
				folder := t.TempDir()
				out := &failing{n: n, takes: takes}
				result, err := sample(t).Run(t.Context(), shell.Options{
					Workspace: folder, Logs: filepath.Join(folder, "logs"), Sink: jsonl.NewWriter(out), Clock: ticking(0),
				})
				if failed := asError[*shell.RecordError](t, err); failed.Log != "" || !errors.Is(err, errBroken) {
					t.Errorf("got %+v", failed)
				}
				if !bytes.HasPrefix(whole.stream, out.Bytes()) || out.writes != n+1 {
					t.Errorf("%d writes made\n%s", out.writes, out.Bytes())
				}
				if got, want := spawned(t, folder), count(whole.events[:n], domain.ShStarted); got != want {
					t.Errorf("%d commands were spawned, %d were recorded before", got, want)
				}
				// A job that lacks a command in the stream is not complete.
				kind, jobs := whole.events[n].Kind, result.Jobs
				lacks := kind == domain.ShStarted || kind == domain.ShFinished
				assert.Equal(t, lacks, len(jobs) > 0 && jobs[len(jobs)-1].Err != nil, "got %+v", result)
				assert.Equal(t, count(whole.events[:n], domain.JobStarted), len(jobs))
			})
		}
	}
}

// forgetful is a sink that fails once and then works again.
type forgetful struct{ events, failAt int }

func (s *forgetful) Emit(domain.Event) error {
	s.events++
	if s.events == s.failAt {
		return errBroken
	}
	return nil
}

// The run writes nothing after a failed event, because a stream with a hole would be worse
// than one that ends.
func TestNoEventAfterOneThatFailed(t *testing.T) {
	for failAt := 1; failAt <= 17; failAt++ {
		sink := forgetful{failAt: failAt}
		_, err := sample(t).Run(t.Context(), shell.Options{Workspace: t.TempDir(), Logs: t.TempDir(), Sink: &sink})
		if asError[*shell.RecordError](t, err); sink.events != failAt {
			t.Errorf("event %d of %d could not be recorded", failAt, sink.events)
		}
	}
}

// Nor does it write to a log after a hole.
func TestNoLineAfterOneThatFailed(t *testing.T) {
	log := failing{n: 1, takes: 10}
	out, err := shell.NewOutput(&log, ticking(0), nil)
	require.NoError(t, err)
	for range 5 {
		out.Write([]byte("a line\n"))
	}
	out.End()
	assert.Equal(t, 2, log.writes)
}

func spawned(t *testing.T, folder string) int {
	data, err := os.ReadFile(filepath.Join(folder, "spawned"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return len(data)
}

func count(events []domain.Event, kind domain.Kind) (n int) {
	for _, e := range events {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

// The reader of the stream goes away.
func TestClosedPipe(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer w.Close()
	var read []byte
	p := pipeline(t, shell.Job{ID: "a", Run: func(ctx context.Context, sh *shell.Shell) error {
		if err := sh.Run(ctx, ":"); err != nil {
			return err
		}
		buffer := make([]byte, 4096)
		n, err := r.Read(buffer)
		read = buffer[:n]
		return errors.Join(err, r.Close(), sh.Run(ctx, "echo >> spawned"))
	}})
	folder := t.TempDir()
	_, err = p.Run(t.Context(), shell.Options{Workspace: folder, Logs: filepath.Join(folder, "logs"), Sink: jsonl.NewWriter(w)})
	if asError[*shell.RecordError](t, err); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("got %v", err)
	}
	if bytes.Count(read, []byte("\n")) != 3 || spawned(t, folder) != 0 {
		t.Errorf("%d spawned after\n%s", spawned(t, folder), read)
	}
}

// A log that cannot be made stops the command and the run. The stream still records them.
func TestLogThatCannotBeMade(t *testing.T) {
	folder := t.TempDir()
	logs := filepath.Join(folder, "logs")
	p := one(t, func(ctx context.Context, sh *shell.Shell) error {
		if err := sh.Run(ctx, ":"); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(logs, "jobs", "job", "sh-2.log"), []byte("kept"), 0o600); err != nil {
			return err
		}
		err := sh.Run(ctx, "sleep 60")
		assert.Equal(t, filepath.Join(logs, "jobs", "job", "sh-2.log"), asError[*shell.RecordError](t, err).Log)
		return nil // but the job cannot be complete
	})
	r := runIn(t, folder, t.Context(), p, shell.Options{Logs: logs})
	if asError[*shell.RecordError](t, r.err); !errors.Is(r.err, fs.ErrExist) {
		t.Errorf("got %v", r.err)
	}
	want := []domain.Event{
		domain.NewJobStarted(0, "job"), domain.NewShStarted(0, "job", ":"), domain.NewShFinished(0, "job", 0),
		domain.NewShStarted(0, "job", "sleep 60"), domain.NewShFinished(0, "job", 128+15),
		domain.NewJobFinished(0, "job", domain.Failed), domain.NewRunFinished(0, domain.Failed),
	}
	if got := timeless(r.events); !slices.Equal(got, want) || contents(t, filepath.Join(logs, "jobs", "job", "sh-2.log")) != "kept" {
		t.Errorf("got %+v", got)
	}
}

// A full disk stops a command that writes endlessly. The helper runs with a limit on the
// size of files.
func TestFullDisk(t *testing.T) {
	stream, err := helper(t, "full", "ulimit -f 64; exec ").Output()
	require.NoError(t, err)
	events, record := read(t, stream)
	if len(record.Diagnostics) > 0 || record.Run.State != "failed" || record.Run.FailedSh != 1 {
		t.Errorf("%+v\n%s", record.Run, stream)
	}
	if code := events[2].ExitCode; code != 128+15 && code != 128+13 {
		t.Errorf("the command has exited with %d", code)
	}
}

// fullDisk is what the helper does for TestFullDisk: logs cannot grow, but the stream, a
// pipe, can.
func fullDisk(folder string) error {
	p, err := shell.New(shell.Job{ID: "job", Run: func(ctx context.Context, sh *shell.Shell) error { return sh.Run(ctx, "yes") }})
	if err != nil {
		return err
	}
	_, err = p.Run(context.Background(), shell.Options{Logs: folder, Sink: jsonl.NewWriter(os.Stdout)})
	if failed := (*shell.RecordError)(nil); !errors.As(err, &failed) || !errors.Is(err, syscall.EFBIG) || !strings.HasSuffix(failed.Log, "sh-1.log") {
		return fmt.Errorf("got %w", err)
	}
	return nil
}

// Options that are not valid are an error before anything runs.
func TestOptionsThatDoNotFit(t *testing.T) {
	used := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(used, "jobs"), 0o700))
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for name, test := range map[string]struct {
		options shell.Options
		want    string
		is      error
	}{
		"no logs":          {shell.Options{}, "set Logs", nil},
		"used logs":        {shell.Options{Logs: used}, filepath.Join(used, "jobs") + ": the folder already contains", shell.ErrLogsExist},
		"logs in a file":   {shell.Options{Logs: file}, file, syscall.ENOTDIR},
		"no workspace":     {shell.Options{Logs: t.TempDir(), Workspace: file + "x"}, "the workspace: stat " + file + "x", fs.ErrNotExist},
		"workspace a file": {shell.Options{Logs: t.TempDir(), Workspace: file}, "the workspace: chdir " + file + ": it is not a folder", nil},
		"short secret":     {shell.Options{Logs: t.TempDir(), Secrets: []string{"long enough", "abc"}}, "secret 2 of 2", shell.ErrShortSecret},
		"blank secret":     {shell.Options{Logs: t.TempDir(), Secrets: []string{"     \n"}}, "secret 1 of 1", shell.ErrShortSecret},
	} {
		t.Run(name, func(t *testing.T) {
			var stream bytes.Buffer
			test.options.Sink = jsonl.NewWriter(&stream)
			p := one(t, func(context.Context, *shell.Shell) error { t.Error("it runs"); return nil })
			result, err := p.Run(t.Context(), test.options)
			if err == nil || !strings.Contains(err.Error(), test.want) || test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("got %v", err)
			}
			if stream.Len() > 0 || len(result.Jobs) > 0 || result.Outcome != domain.NoOutcome {
				t.Errorf("got %+v and %q", result, &stream)
			}
		})
	}
}

// The stream records a command that cannot be started as a shell would, and its log has
// the reason.
func TestCommandsThatCannotBeSpawned(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text")
	require.NoError(t, os.WriteFile(text, []byte("no program"), 0o600))
	for name, test := range map[string]struct {
		shell     []string
		cmd, prep string
		code      int32
		is        error
	}{
		"no shell":           {[]string{"/no/such/shell", "-c"}, ":", "", 127, fs.ErrNotExist},
		"no shell in PATH":   {[]string{"no-such-shell", "-c"}, ":", "", 127, exec.ErrNotFound},
		"shell no program":   {[]string{text, "-c"}, ":", "", 126, fs.ErrPermission},
		"workspace is gone":  {nil, ":", "rmdir $PWD", 127, fs.ErrNotExist},
		"too long a command": {nil, ": " + strings.Repeat("x", 1<<20), "", 126, syscall.E2BIG},
		"NUL in a command":   {nil, "echo \x00", "", 126, syscall.EINVAL},
	} {
		t.Run(name, func(t *testing.T) {
			workspace := filepath.Join(t.TempDir(), "workspace")
			require.NoError(t, os.Mkdir(workspace, 0o700))
			r := run(t, one(t, func(ctx context.Context, sh *shell.Shell) error {
				if test.prep != "" {
					if err := sh.Run(ctx, test.prep); err != nil {
						return err
					}
				}
				exit, err := sh.Try(ctx, test.cmd)
				if failed := asError[*shell.StartError](t, err); !errors.Is(err, test.is) || exit.Code != test.code || failed.Seq != exit.Seq {
					t.Errorf("got %+v, %v", exit, err)
				}
				assert.Equal(t, (output{stderr: err.Error() + "\n"}), logOf(t, exit.Log), "the log")
				return err
			}), shell.Options{Shell: test.shell, Workspace: workspace})
			asError[*shell.FailedError](t, r.err)
			assert.Equal(t, test.code, r.record.ShEvents[len(r.record.ShEvents)-1].ExitCode.V, "the row")
		})
	}
}

// The caller can find out why a run ended early.
func TestPanics(t *testing.T) {
	r := run(t, one(t, func(context.Context, *shell.Shell) error { panic(io.ErrNoProgress) }), shell.Options{})
	failed := asError[*shell.PanicError](t, r.err)
	if failed.Value != io.ErrNoProgress || !errors.Is(r.err, io.ErrNoProgress) || r.err.Error() != "job job failed: its body panicked: "+io.ErrNoProgress.Error() || !bytes.Contains(failed.Stack, []byte("TestPanics")) {
		t.Errorf("got %v at\n%s", failed, failed.Stack)
	}
}

// Errors name the command that failed by its number, and its log. They do not quote it.
func TestErrorsDoNotQuoteCommands(t *testing.T) {
	const cmd = "exit 3 # hush"
	r := run(t, one(t, func(ctx context.Context, sh *shell.Shell) error { return sh.Run(ctx, cmd) }), shell.Options{})
	want := "job job failed: command 1 of job job exited with 3; its output is in " + filepath.Join(r.logs, "jobs", "job", "sh-1.log")
	assert.EqualError(t, r.err, want)
}
