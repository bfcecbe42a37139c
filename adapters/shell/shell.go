package shell

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
)

// Shell runs the commands of a job. Its methods are safe for concurrent use;
// commands wait for each other.
//
// A command is one argument to the shell (see [Options.Shell]). It runs in the
// workspace, with an empty standard input. It is stopped when the context of the
// call or that of the job ends.
type Shell struct {
	run   *run
	place *place
	jobID string
	ctx   context.Context // the job's

	turn chan struct{} // holds one element while a command runs
	seq  int           // of the latest command

	mu sync.Mutex
	// spoilt is why the job fails even if its body returns nil: a command could not be
	// recorded, or was stopped or not started because the job or the run ended.
	spoilt error
}

// Exit is the result of a command.
type Exit struct {
	// Seq counts the commands of the job, from 1.
	Seq int
	// Code is the exit code: 0 to 255, or 128 + n if signal n ended the command.
	Code int32
	// Log is the absolute path of the command's log.
	Log string
}

// Run runs a command that must succeed: a code other than 0 is an [*ExitError].
// Other errors are those of [Shell.Try].
func (s *Shell) Run(ctx context.Context, cmd string) error {
	exit, err := s.Try(ctx, cmd)
	if err == nil && exit.Code != 0 {
		return &ExitError{JobID: s.jobID, Exit: exit}
	}
	return err
}

// Try runs a command that may fail; the caller checks its code. An error means that
// there is no code:
//
//   - a [*StartError]: the command could not be started;
//   - a [*RecordError]: the command or its output could not be recorded;
//   - an error that wraps a context's cause: because the context ended, the command was
//     stopped or, if Exit.Seq is 0, not started.
func (s *Shell) Try(ctx context.Context, cmd string) (Exit, error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
	case <-s.ctx.Done():
	}
	if ctx.Err() != nil || s.ctx.Err() != nil {
		return Exit{}, s.stopped(ctx, "a command of job %s was not started: %w", s.jobID)
	}
	s.seq++
	c := &command{run: s.run, place: s.place, jobID: s.jobID, exit: Exit{Seq: s.seq, Log: s.run.logs.path(s.jobID, s.seq)}}
	stopped, err := c.do(ctx, s.ctx, cmd)
	if stopped && err == nil {
		err = s.stopped(ctx, "command %d of job %s was stopped: %w", s.seq, s.jobID)
	}
	if errors.As(err, new(*RecordError)) {
		s.spoil(err)
	}
	return c.exit, err
}

func newShell(r *run, job *Job) *Shell {
	return &Shell{run: r, place: r.place.of(job), jobID: job.ID, turn: make(chan struct{}, 1)}
}

// body calls a job's body, ends its commands when it returns, and returns why the job
// failed. A spoilt job fails even if its body returns nil, because its work is not done.
func (s *Shell) body(job *Job) error {
	ctx, end := context.WithCancelCause(s.run.ctx)
	if job.Timeout > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeoutCause(ctx, job.Timeout, &TimeoutError{job.Timeout})
		defer stop()
	}
	s.ctx = ctx
	err := call(func() error { return job.Run(ctx, s) })
	end(ErrOver)
	s.turn <- struct{}{} // and keep it
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		err = s.spoilt
	}
	return err
}

// call calls a body on its own goroutine, so that the body may panic or call runtime.Goexit.
func call(body func() error) (err error) {
	done := make(chan struct{})
	go func() {
		returned := false
		defer close(done)
		defer func() {
			if returned {
				return
			}
			if value := recover(); value != nil {
				err = &PanicError{Value: value, Stack: debug.Stack()}
			} else {
				err = errGoexit
			}
		}()
		err = body()
		returned = true
	}()
	<-done
	return err
}

// stopped returns an error with the cause of the context that ended. If that is the job's
// context rather than the command's, the job is spoilt.
func (s *Shell) stopped(ctx context.Context, format string, args ...any) error {
	if s.ctx.Err() == nil {
		return fmt.Errorf(format, append(args, context.Cause(ctx))...)
	}
	err := fmt.Errorf(format, append(args, context.Cause(s.ctx))...)
	s.spoil(err)
	return err
}

// spoil makes the job fail, whatever its body returns.
func (s *Shell) spoil(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.spoilt == nil {
		s.spoilt = err
	}
}
