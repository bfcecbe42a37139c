package shell

import (
	"os"
	"slices"
	"sync"
	"time"
)

// process is the shell of a command, and the group that it leads. Signals go to the
// group only until the shell is reaped: then the system can reuse the group's number.
type process struct {
	os             *os.Process
	stdout, stderr *os.File // the reading ends of its pipes
	grace          time.Duration

	mu      sync.Mutex
	exited  bool
	stopped bool        // by a signal of ours before it exited
	over    bool        // it is reaped
	killer  *time.Timer // kills the group; set by stop
	deadly  time.Time   // when killer fires

	// The results of awaitExit, on systems where it reaps.
	state *os.ProcessState
	err   error
}

// killTime is how long killed processes may take to close their output.
const killTime = time.Second

// spawn starts a place's shell on a command.
func (r *run) spawn(at *place, cmd string) (*process, error) {
	if at.noShell != nil {
		return nil, at.noShell
	}
	p := &process{grace: r.grace}
	var outputs [2]*os.File // the writing ends
	var err error
	if p.stdout, outputs[0], err = os.Pipe(); err != nil {
		return nil, err
	}
	if p.stderr, outputs[1], err = os.Pipe(); err != nil {
		closeAll(p.stdout, outputs[0])
		return nil, err
	}
	args := append(slices.Clip(at.shell), cmd)
	p.os, err = os.StartProcess(at.program, args, &os.ProcAttr{
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
		file.Close() // a pipe, which loses nothing
	}
}

// stop sends the group a SIGTERM, and kills it after the grace period.
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

// kill kills the group without a SIGTERM, as an early end of the command.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.over {
		p.stopped = p.stopped || !p.exited
		killGroup(p.os.Pid)
	}
}

// killGroup kills the rest of the group.
func (p *process) killGroup() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.over {
		killGroup(p.os.Pid)
	}
}

// awaitExit waits until the shell has exited. Where the system allows it, the shell
// keeps its number until reap.
func (p *process) awaitExit() {
	state, err := awaitExit(p.os)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.exited, p.state, p.err = true, state, err
}

// lingers is how long the rest of the group may continue after the shell has exited.
func (p *process) lingers() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.killer != nil {
		return time.Until(p.deadly)
	}
	return p.grace
}

// reap releases the shell's number. It returns the exit code, and whether a signal of ours
// stopped the shell before it exited.
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

// unknownCode is the exit code of a process that other code has already reaped.
const unknownCode = -1
