package shell_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/shell"
	"github.com/quire-ci/quire-project/domain"
)

// Settings of a job replace those of the run for its commands.
func TestPlaces(t *testing.T) {
	folder, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	options := shell.Options{Workspace: folder, Env: append(os.Environ(), "A=run", "B=run", "PWD=/elsewhere")}
	show := func(ctx context.Context, sh *shell.Shell) error {
		return sh.Run(ctx, `echo "$(pwd) $PWD $A $B"`)
	}
	r := run(t, pipeline(t,
		shell.Job{ID: "make", Run: func(ctx context.Context, sh *shell.Shell) error { return sh.Run(ctx, "mkdir -p a/b") }},
		shell.Job{ID: "in", Run: show, Dir: "a/b", Env: []string{"B=job", "C=job"}},
		shell.Job{ID: "out", Run: show},
		shell.Job{ID: "root", Run: show, Dir: "/"},
		shell.Job{ID: "shell", Shell: []string{"printf", "%s%s"}, Run: func(ctx context.Context, sh *shell.Shell) error {
			return sh.Run(ctx, "echo")
		}},
		shell.Job{ID: "gone", Run: show, Dir: "none"},
	), options)
	for job, want := range map[string]string{
		"in": folder + "/a/b " + folder + "/a/b run job\n", "out": folder + " " + folder + " run run\n", "root": "/ / run run\n", "shell": "echo",
	} {
		require.Equal(t, output{stdout: want}, firstLog(t, r, job))
	}
	if failed := asError[*shell.StartError](t, r.err); failed.JobID != "gone" || !errors.Is(failed, os.ErrNotExist) {
		t.Errorf("got %v", r.err)
	}
}

// A job that exceeds its timeout fails, even if its command exits with 0 when it is
// stopped. The events have the actual exit code.
func TestTimeout(t *testing.T) {
	for name, test := range map[string]struct {
		cmd   string
		code  int32
		grace time.Duration
	}{
		"stopped":  {"touch ready; sleep 3600", 143, never},
		"heeds it": {"trap 'exit 5' TERM; touch ready; sleep 3600 & wait", 5, never},
		"says yes": {"trap 'exit 0' TERM; touch ready; sleep 3600 & wait", 0, never},
		"does not": {"trap '' TERM; touch ready; sleep 3600", 137, 700 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var r recorded
			var folder string
			timeout := 250 * time.Millisecond
			for isReady := false; !isReady; { // the command was when its time was over
				timeout *= 2
				folder = t.TempDir()
				r = runIn(t, folder, t.Context(), pipeline(t, shell.Job{ID: "job", Timeout: timeout, Run: func(ctx context.Context, sh *shell.Shell) error {
					_, err := sh.Try(ctx, test.cmd)
					_ = err // a body may say what it likes
					return nil
				}}, shell.Job{ID: "next", Needs: []string{"job"}, Run: func(context.Context, *shell.Shell) error { return nil }}),
					shell.Options{Grace: test.grace})
				_, err := os.Stat(filepath.Join(folder, "ready"))
				isReady = err == nil
			}
			assert.Equal(t, timeout, asError[*shell.TimeoutError](t, r.err).Timeout, "got %v", r.err)
			asError[*shell.FailedError](t, r.err)
			sh := r.record.ShEvents[0]
			if sh.ExitCode.V != test.code || len(r.result.Jobs) != 1 || r.result.Outcome != domain.Failed {
				t.Errorf("got %+v, %+v", sh, r.result)
			}
		})
	}
}

// A timeout does not affect a job that is fast enough.
func TestTimeoutThatIsNotReached(t *testing.T) {
	r := run(t, pipeline(t, shell.Job{ID: "job", Timeout: time.Hour, Run: func(ctx context.Context, sh *shell.Shell) error {
		return sh.Run(ctx, ":")
	}}), shell.Options{})
	assert.NoError(t, r.err)
}
