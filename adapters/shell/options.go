package shell

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/quire-ci/quire-project/domain"
)

// Sink takes the events of a run as they happen.
type Sink interface {
	// Emit records one event. When it returns, the event has left the process.
	// Calls never overlap.
	Emit(event domain.Event) error
}

// Options say where and how a pipeline runs.
type Options struct {
	// Workspace is the folder in which commands run; by default the current one.
	Workspace string
	// Sink takes the event stream. The caller closes it. Without a sink, events
	// are dropped.
	Sink Sink
	// Labels describe the run. If there are any, the stream begins with a run_started that
	// has them. Secrets in their values are masked.
	Labels domain.Labels
	// Logs is the folder for logs. It is required, and made if it does not exist. It
	// must not contain a folder "jobs" yet: logs of two runs are never mixed.
	Logs string
	// MaxLog is the maximum size of a command's log in bytes; 0 means 1 GiB, a negative
	// value no limit. A command with more output continues, the rest is discarded, and
	// the last line of the log says so.
	MaxLog int64
	// Output, if set, receives a copy of what is written to logs, at once and in whole lines, to be
	// shown. The command waits for it.
	Output io.Writer
	// Secrets are masked in the stream and in logs, see the package's comment. Each must have
	// at least 4 bytes, because masking shorter ones would mask ordinary text.
	Secrets []string
	// Env is the commands' environment, as NAME=value; nil means the environment of the
	// process. PWD is set to Workspace in either case.
	Env []string
	// Shell is the program that runs commands, and its arguments; the command becomes the last
	// argument. The default is {"/bin/sh", "-c", "--"}: because of the "--", the shell takes
	// no command for options. A program without a slash is looked up in the process's PATH.
	Shell []string
	// Grace is how long a command may take to stop before it is killed,
	// and how long background processes of a command may continue to write
	// output. 0 means 5 seconds, and a negative value no time at all.
	Grace time.Duration
	// Kill, if set, ends the run without the grace period. When it ends, the running
	// command is killed without waiting for its output, and the run stops as at the
	// end of its context.
	Kill context.Context
	// Clock returns the time for events, in milliseconds, and for logs; by default it is
	// time.Now. It is called from several goroutines.
	Clock func() time.Time
	// Observe, if set, is called after each event has been recorded, in the
	// order of the stream. Calls never overlap, and the run waits for them.
	Observe func(Progress)
}

// Progress is a step of a run, for people to read.
type Progress struct {
	// Event is the recorded event, with secrets masked.
	Event domain.Event
	// Seq and Log are the command's, for ShStarted and ShFinished.
	Seq int
	Log string
	// Err is why a job failed, for JobFinished. Secrets in it are not masked.
	Err error
}

// prepare makes a run, and the folder for its logs.
func (o Options) prepare(ctx context.Context) (r *run, err error) {
	if !supported {
		return nil, ErrPlatform
	}
	r = &run{
		sink: o.Sink, observe: o.Observe, output: o.Output, now: o.Clock, kill: o.Kill,
		grace: cmp.Or(o.Grace, 5*time.Second), maxLog: cmp.Or(o.MaxLog, 1<<30),
	}
	if r.now == nil {
		r.now = time.Now
	}
	if r.kill == nil {
		r.kill = context.Background()
	}
	if r.maxLog < 0 {
		r.maxLog = math.MaxInt64
	}
	if r.secrets, err = newSecrets(o.Secrets); err != nil {
		return nil, err
	}
	if r.labels, err = r.secrets.maskLabels(o.Labels); err != nil {
		return nil, err
	}
	if r.place, err = o.place(); err != nil {
		return nil, fmt.Errorf("the workspace: %w", err)
	}
	if r.null, err = os.Open(os.DevNull); err != nil {
		return nil, err
	}
	if r.logs, err = newLogs(o.Logs); err != nil {
		r.null.Close()
		return nil, fmt.Errorf("the logs: %w", err)
	}
	r.ctx, r.stop = context.WithCancelCause(ctx)
	r.unhook = context.AfterFunc(r.kill, func() { r.stop(context.Cause(r.kill)) })
	r.stdout, r.stderr = newStream("stdout", r.secrets), newStream("stderr", r.secrets)
	return r, nil
}

// place returns where the commands run of jobs without settings of their own.
func (o Options) place() (p place, err error) {
	if p.dir, err = filepath.Abs(o.Workspace); err != nil {
		return p, err
	}
	info, err := os.Stat(p.dir)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "chdir", Path: p.dir, Err: errors.New("it is not a folder; name one")}
	}
	if p.env = o.Env; o.Env == nil {
		p.env = os.Environ()
	}
	if len(o.Shell) == 0 {
		o.Shell = []string{"/bin/sh", "-c", "--"}
	}
	p.findShell(o.Shell)
	return p, err
}
