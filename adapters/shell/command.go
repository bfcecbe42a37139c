package shell

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"

	"github.com/quire-ci/quire-project/domain"
)

// command is one command of a job.
type command struct {
	run   *run
	place *place
	jobID string
	exit  Exit
}

// do records and runs the command. It reports whether the command was stopped
// because one of the contexts ended.
func (c *command) do(ctx, job context.Context, cmd string) (stopped bool, err error) {
	if err := c.record(domain.NewShStarted(c.run.atMs(), c.jobID, c.run.secrets.mask(cmd))); err != nil {
		return false, err
	}
	p, failed := c.spawn(cmd)
	log := c.openLog() // while the process starts
	if p != nil {
		stopped, failed = c.follow(ctx, job, p, log)
	} else {
		c.run.stderr.note(log, failed.Error())
	}
	if err := log.close(); err != nil {
		failed = err
	}
	if err := c.record(domain.NewShFinished(c.run.atMs(), c.jobID, c.exit.Code)); err != nil {
		failed = err
	}
	return stopped, failed
}

func (c *command) record(event domain.Event) error {
	return c.run.record(Progress{Event: event, Seq: c.exit.Seq, Log: c.exit.Log})
}

// spawn starts the process. If that fails, it sets the exit code that shells use.
func (c *command) spawn(cmd string) (*process, error) {
	p, err := c.run.spawn(c.place, cmd)
	if err != nil {
		c.exit.Code = 126
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, exec.ErrNotFound) {
			c.exit.Code = 127
		}
		return nil, &StartError{JobID: c.jobID, Seq: c.exit.Seq, Err: err}
	}
	return p, nil
}

// openLog makes the command's log. If that fails, it stops the run, and with it the
// command; the log then discards the output.
func (c *command) openLog() *log {
	l := &log{now: c.run.now, limit: c.run.maxLog, copy: c.run.output, fail: func(err error) error {
		return c.run.failRecord(&RecordError{Log: c.exit.Log, Err: err})
	}}
	var err error
	if l.file, err = c.run.logs.create(c.jobID, c.exit.Log); err != nil {
		l.err = l.fail(err)
	}
	return l
}

// follow copies the output of a process to the log until the process has ended.
func (c *command) follow(ctx, job context.Context, p *process, log *log) (stopped bool, err error) {
	defer context.AfterFunc(ctx, p.stop)()
	defer context.AfterFunc(job, p.stop)()
	defer context.AfterFunc(c.run.kill, p.kill)()
	o := &outputs{ended: make(chan struct{})}
	o.read(map[*os.File]*stream{p.stdout: c.run.stdout.to(log), p.stderr: c.run.stderr.to(log)})

	p.awaitExit()
	o.wait(p.lingers(), c.run.kill.Done())
	p.killGroup()
	if !o.wait(killTime, c.run.kill.Done()) {
		o.abandon()
	}
	if c.exit.Code, stopped, err = p.reap(); err != nil {
		err = fmt.Errorf("the exit code of command %d of job %s is unknown: %w", c.exit.Seq, c.jobID, err)
	}
	return stopped, err
}
