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
// A command is one argument to the shell (see [Options.Shell]), and runs in the
// workspace, with an empty standard input. It is stopped when the context ends
// that it was called with, or the job's own.
type Shell struct {
	run   *run
	place *place
	jobID string
	ctx   context.Context // the job's

	turn chan struct{} // holds one element while a command runs
	seq  int           // of the latest command

	mu sync.Mutex
	// spoilt is why the job cannot succeed: a command was not recorded, or the end of
	// the job or the run has stopped it or kept it from beginning.
	spoilt error
}

// Exit is how a command ended.
type Exit struct {
	// Seq counts the commands of the job, from 1.
	Seq int
	// Code is what the command exited with: 0 to 255, and 128 + n where signal
	// n has ended it.
	Code int32
	// Log is the absolute path of the log with its output.
	Log string
}

// Run runs a command that has to succeed: a code other than 0 is an [*ExitError].
// Other errors are those of [Shell.Try].
func (s *Shell) Run(ctx context.Context, cmd string) error {
	exit, err := s.Try(ctx, cmd)
	return s.succeeded(exit, err)
}

// Try runs a command that may fail: its code is for the caller to look at. An
// error says that there is no such result:
//
//   - a [*StartError]: it could not be spawned;
//   - a [*RecordError]: it or its output could not be recorded;
//   - an error that wraps a context's cause: it was stopped or, if Exit.Seq is 0,
//     not begun, because the context has ended.
func (s *Shell) Try(ctx context.Context, cmd string) (Exit, error) {
	return s.command(ctx, cmd, nil)
}

// Output runs a command that has to succeed, as Run does, and returns what it
// has written to standard output, at most 1 MiB; more of it is an
// [ErrOutputTooLong]. Nothing is hidden in it, other than in the log.
func (s *Shell) Output(ctx context.Context, cmd string) (string, error) {
	var kept capture
	exit, err := s.command(ctx, cmd, &kept)
	if err = s.succeeded(exit, err); err == nil && kept.tooLong {
		err = fmt.Errorf("command %d of job %s: %w", exit.Seq, s.jobID, ErrOutputTooLong)
	}
	return string(kept.text), err
}

func (s *Shell) succeeded(exit Exit, err error) error {
	if err == nil && exit.Code != 0 {
		return &ExitError{JobID: s.jobID, Exit: exit}
	}
	return err
}

func newShell(r *run, job *Job) *Shell {
	return &Shell{run: r, place: r.place.of(job), jobID: job.ID, turn: make(chan struct{}, 1)}
}

// body calls a job's body, sees to it that no command outlives it, and says why
// the job has failed. One that is spoilt has, whatever the body says: what it was
// to do is not done.
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
	s.turn <- struct{}{} // never given back
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		err = s.spoilt
	}
	return err
}

// call calls a body on a goroutine of its own, which it may panic on or end.
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

// command runs a command when its turn has come.
func (s *Shell) command(ctx context.Context, cmd string, kept *capture) (Exit, error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
	case <-s.ctx.Done():
	}
	if ctx.Err() != nil || s.ctx.Err() != nil {
		return Exit{}, s.stopped(ctx, "a command of job %s was not begun: %w", s.jobID)
	}
	s.seq++
	c := &command{run: s.run, place: s.place, jobID: s.jobID, exit: Exit{Seq: s.seq, Log: s.run.logs.path(s.jobID, s.seq)}, kept: kept}
	stopped, err := c.do(ctx, s.ctx, cmd)
	if stopped && err == nil {
		err = s.stopped(ctx, "command %d of job %s was stopped: %w", s.seq, s.jobID)
	}
	if record := (*RecordError)(nil); errors.As(err, &record) {
		s.spoil(err)
	}
	return c.exit, err
}

// stopped makes an error of the reason for which a context has ended. If that
// was not the command's own one, the job is spoilt.
func (s *Shell) stopped(ctx context.Context, format string, args ...any) error {
	if s.ctx.Err() == nil {
		return fmt.Errorf(format, append(args, context.Cause(ctx))...)
	}
	err := fmt.Errorf(format, append(args, context.Cause(s.ctx))...)
	s.spoil(err)
	return err
}

// spoil sees to it that the job fails, whatever its body returns.
func (s *Shell) spoil(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.spoilt == nil {
		s.spoilt = err
	}
}

// capture keeps the beginning of an output.
type capture struct {
	text    []byte
	tooLong bool
}

const maxCapture = 1 << 20

func (c *capture) write(p []byte) {
	room := maxCapture - len(c.text)
	c.tooLong = c.tooLong || len(p) > room
	c.text = append(c.text, p[:min(len(p), room)]...)
}
