package shell

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// place is where commands run, and with what.
type place struct {
	dir     string
	env     []string
	program string   // the shell
	shell   []string // its arguments, the name first
	noShell error    // why there is no program
}

// of returns the place of a job's commands.
func (p place) of(job *Job) *place {
	if filepath.IsAbs(job.Dir) {
		p.dir = job.Dir
	} else {
		p.dir = filepath.Join(p.dir, job.Dir)
	}
	p.env = environment(slices.Concat(p.env, job.Env), p.dir)
	if len(job.Shell) > 0 {
		p.findShell(job.Shell)
	}
	return &p
}

// environment returns an environment for a folder. Of variables with the same name, the last
// one counts.
func environment(env []string, dir string) []string {
	cmd := exec.Cmd{Env: append(slices.Clip(env), "PWD="+dir)}
	return cmd.Environ()
}

// findShell finds the shell. One that is not there fails when a command is to
// be spawned, and not before: the run has a stream then which says so.
func (p *place) findShell(shell []string) {
	p.shell, p.program, p.noShell = slices.Clone(shell), shell[0], nil
	if !strings.ContainsRune(p.program, '/') {
		p.program, p.noShell = exec.LookPath(p.program)
	}
}

// whyNotStarted tells whether it is the folder that is not there, which the
// system does not.
func (p *place) whyNotStarted(err error) error {
	if _, gone := os.Stat(p.dir); gone != nil {
		return fmt.Errorf("its folder: %w", gone)
	}
	return err
}
