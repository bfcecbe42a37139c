package shell

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// place is the folder, the environment and the shell of commands.
type place struct {
	dir     string
	env     []string
	program string   // the shell
	shell   []string // its arguments; the first one is its name
	noShell error    // why program was not found
}

// of returns the place of a job's commands.
func (p place) of(job *Job) *place {
	if filepath.IsAbs(job.Dir) {
		p.dir = job.Dir
	} else {
		p.dir = filepath.Join(p.dir, job.Dir)
	}
	// Environ removes all but the last variable of each name.
	cmd := exec.Cmd{Env: slices.Concat(p.env, job.Env, []string{"PWD=" + p.dir})}
	p.env = cmd.Environ()
	if len(job.Shell) > 0 {
		p.findShell(job.Shell)
	}
	return &p
}

// findShell looks up the shell. If it is missing, commands fail rather than the
// run, so that the stream records the reason.
func (p *place) findShell(shell []string) {
	p.shell, p.program, p.noShell = slices.Clone(shell), shell[0], nil
	if !strings.ContainsRune(p.program, '/') {
		p.program, p.noShell = exec.LookPath(p.program)
	}
}

// whyNotStarted explains an error of the system, which does not say whether the program
// or the folder is missing.
func (p *place) whyNotStarted(err error) error {
	if _, gone := os.Stat(p.dir); gone != nil {
		return fmt.Errorf("its folder: %w", gone)
	}
	return err
}
