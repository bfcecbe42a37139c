package shell

import (
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
	// It is never called twice at once.
	Emit(event domain.Event) error
}

// Options say where and how a pipeline runs.
type Options struct {
	// Workspace is the folder that commands run in; the current one, if empty.
	Workspace string
	// Sink takes the event stream. It is the caller's to close. If nil, events
	// are dropped.
	Sink Sink
	// Labels say what the run is of. If there are any, a run_started with them begins the
	// stream. Secrets are hidden in their values.
	Labels domain.Labels
	// Logs is the folder under which logs are kept, in a folder "jobs" that
	// must not be there yet: logs of two runs are never mixed. Logs itself may be
	// there, and is made otherwise. It is needed.
	Logs string
	// MaxLog is how many bytes the log of a command can have; 1 GiB, if 0. A command with
	// more output continues; the rest is discarded, and the log's last line says so. If it is
	// negative there is no limit.
	MaxLog int64
	// Output, if set, gets what is written to logs, at once and in whole lines, for people
	// to look at. The command waits for it.
	Output io.Writer
	// Secrets are hidden in the stream and in logs, see the package's comment. Each has
	// at least 4 bytes: to hide shorter ones would hide half of all text.
	Secrets []string
	// Env is the commands' environment, as NAME=value; that of the process, if
	// nil. PWD is set to Workspace in either case.
	Env []string
	// Shell is the program that runs a command, and its arguments, to which the
	// command is added as the last one; {"/bin/sh", "-c", "--"}, if empty: after the
	// "--", a command that begins with - or + is not taken for options. A program
	// without a slash is looked up in the process's PATH.
	Shell []string
	// Grace is how long a command that has to stop may take before it is killed,
	// and how long what a command left running in the background may go on to
	// write output; 5 seconds, if 0. If it is negative there is no such time.
	Grace time.Duration
	// Kill, if set, is for whoever does not want to wait for Grace. When it ends, the
	// command that runs is killed, nothing of it is waited for, and the run is stopped, as by
	// the end of its context, which mostly was before.
	Kill context.Context
	// Clock tells the time for events, in milliseconds, and for logs; time.Now, if
	// nil. It is called from several goroutines.
	Clock func() time.Time
	// Observe, if set, is called after each event has been recorded, in the
	// order of the stream and never twice at once. The run waits for it.
	Observe func(Progress)
}

// Progress is a step of a run, for people to look at.
type Progress struct {
	// Event is what was recorded: secrets are hidden in it.
	Event domain.Event
	// Seq and Log are those of the command, for ShStarted and ShFinished.
	Seq int
	Log string
	// Err is why a job has failed, for JobFinished. Secrets are not hidden in it.
	Err error
}

var (
	// ErrLogsExist is returned for a folder that holds logs already.
	ErrLogsExist = errors.New("the folder holds the logs of a run already, which are never mixed with others; name another one")
	// ErrPlatform is returned where commands cannot be run as they have to be.
	ErrPlatform = errors.New("on this system quire cannot end a command with all that it has started, and runs none; use a Unix, or WSL on Windows")
	// ErrShortSecret is returned for a secret that is too short to be hidden.
	ErrShortSecret = errors.New("a secret must have at least 4 bytes, or hiding it would hide other text too; leave it out")
)

const (
	defaultGrace  = 5 * time.Second
	defaultMaxLog = 1 << 30
)

// prepare makes a run of options, and the folder for its logs.
func (o Options) prepare() (*run, error) {
	if !supported {
		return nil, ErrPlatform
	}
	r := &run{sink: o.Sink, observe: o.Observe, output: o.Output, maxLog: o.MaxLog, now: o.Clock, grace: o.Grace, kill: o.Kill}
	if r.now == nil {
		r.now = time.Now
	}
	if r.kill == nil {
		r.kill = context.Background()
	}
	if r.grace == 0 {
		r.grace = defaultGrace
	}
	if r.maxLog == 0 {
		r.maxLog = defaultMaxLog
	} else if r.maxLog < 0 {
		r.maxLog = math.MaxInt64
	}
	var err error
	if r.secrets, err = newSecrets(o.Secrets); err != nil {
		return nil, err
	}
	if r.labels, err = r.secrets.hideIn(o.Labels); err != nil {
		return nil, err
	}
	if r.place.dir, err = workspace(o.Workspace); err != nil {
		return nil, fmt.Errorf("the workspace: %w", err)
	}
	if r.place.env = o.Env; o.Env == nil {
		r.place.env = os.Environ()
	}
	if len(o.Shell) == 0 {
		o.Shell = []string{"/bin/sh", "-c", "--"}
	}
	r.place.findShell(o.Shell)
	if r.logs, err = newLogs(o.Logs); err != nil {
		return nil, fmt.Errorf("the logs: %w", err)
	}
	return r, nil
}

func workspace(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "chdir", Path: dir, Err: errors.New("it is not a folder; name one")}
	}
	return dir, err
}
