package shell

import (
	"os"
	"slices"
	"sync"
	"time"
)

// process is the shell of a command, and the group that it leads. Signals go
// to the group for as long as its number is surely its own.
type process struct {
	os             *os.Process
	stdout, stderr *os.File // where its output comes out
	grace          time.Duration

	mu      sync.Mutex
	exited  bool
	stopped bool        // was told to stop before it exited
	over    bool        // the number may be somebody else's
	killer  *time.Timer // set when the group is told to stop
	deadly  time.Time   // when it goes off

	// What awaitExit has learnt, where it could not but reap.
	state *os.ProcessState
	err   error
}

// dying is how long a process that was killed may take to be gone.
const dying = time.Second

// spawn starts a place's shell on a command.
func (r *run) spawn(at *place, cmd string) (*process, error) {
	if at.noShell != nil {
		return nil, at.noShell
	}
	p := &process{grace: r.grace}
	var outputs [2]*os.File // the shell's ends
	var err error
	if p.stdout, outputs[0], err = os.Pipe(); err != nil {
		return nil, err
	}
	if p.stderr, outputs[1], err = os.Pipe(); err != nil {
		closeAll(p.stdout, outputs[0])
		return nil, err
	}
	args := append(slices.Clip(at.shell), cmd)
	p.os, err = startProcess(at.program, args, &os.ProcAttr{
		Dir: at.dir, Env: at.env, Files: []*os.File{r.null, outputs[0], outputs[1]}, Sys: ownGroup(),
	})
	closeAll(outputs[:]...)
	if err != nil {
		closeAll(p.stdout, p.stderr)
		return nil, at.whyNotStarted(err)
	}
	return p, nil
}

func closeAll(files ...*os.File) {
	for _, file := range files {
		file.Close() // a pipe: nothing can be lost
	}
}

// stop tells the group to stop: it is asked first, and killed after the grace
// period.
func (p *process) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over || p.killer != nil {
		return
	}
	p.stopped = p.stopped || !p.exited
	terminateGroup(p.os.Pid)
	p.deadly = time.Now().Add(p.grace)
	p.killer = time.AfterFunc(p.grace, p.killGroup)
}

// kill kills the group without asking it first.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.over {
		p.stopped = p.stopped || !p.exited
		killGroup(p.os.Pid)
	}
}

// killGroup kills what is left of the group.
func (p *process) killGroup() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.over {
		killGroup(p.os.Pid)
	}
}

// awaitExit waits until the shell has exited. Its number stays its own until
// it is reaped, where the system allows for that.
func (p *process) awaitExit() {
	state, err := awaitExit(p.os)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.exited, p.state, p.err = true, state, err
}

// lingers is how long the rest of the group may go on now that the shell has
// exited.
func (p *process) lingers() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.killer != nil {
		return time.Until(p.deadly)
	}
	return p.grace
}

// reap gives the shell's number back. It returns what the shell has exited
// with, and whether it was told to stop before.
func (p *process) reap() (code int32, stopped bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	if p.killer != nil {
		p.killer.Stop()
	}
	if p.state == nil && p.err == nil {
		p.state, p.err = p.os.Wait()
	}
	if p.err != nil {
		return unknownCode, p.stopped, p.err
	}
	return exitCode(p.state), p.stopped, nil
}

// unknownCode is that of a process which somebody else has waited for.
const unknownCode = -1
