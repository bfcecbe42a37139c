package cli

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/pflag"

	"github.com/quire-ci/quire-project/adapters/follow"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/projections"
)

// The exit statuses.
const (
	statusOK          = command.StatusOK
	statusIO          = command.StatusIO
	statusUsage       = command.StatusUsage
	statusActive      = command.StatusActive
	statusMalformed   = command.StatusMalformed
	statusFound       = command.StatusFound
	statusFailed      = command.StatusFailed
	statusInterrupted = command.StatusInterrupted
)

// say writes a one-line message.
func say(stderr io.Writer, words string) { command.Stdio{Name: name}.Say(stderr, words) }

// statusOf returns the exit status for err.
func statusOf(err error) int {
	var malformed *jsonl.MalformedError
	var compressed *follow.CompressedError
	switch {
	case errors.As(err, &compressed):
		return statusUsage
	case !errors.As(err, new(*command.StatusError)) && errors.As(err, &malformed):
		return statusMalformed
	}
	return command.StatusOf(err)
}

// tell writes an error as one line: what failed, where, and what to do. It may contain names from the
// user or a file system, so it is made printable.
func tell(stderr io.Writer, err error) {
	if err == nil || err.Error() == "" {
		return
	}
	if errors.Is(err, context.Canceled) {
		err = errors.New("interrupted")
	}
	say(stderr, err.Error()+advice(err))
}

// worse returns the exit status for two problems.
func worse(a, b int) int {
	for _, status := range []int{statusInterrupted, statusIO, statusUsage, statusMalformed, statusFound, statusFailed, statusActive} {
		if a == status || b == status {
			return status
		}
	}
	return statusOK
}

// runStatus has the flags that make the exit status depend on the runs.
type runStatus struct {
	wanted bool
	// assumeEnded treats a run as ended when its jobs have ended: its writer is known to be gone, or
	// never writes run_finished.
	assumeEnded bool
}

func (e *runStatus) add(flags *pflag.FlagSet) {
	flags.BoolVar(&e.wanted, "exit-status", false, "exit with 6 if a run failed, and with 3 if one is not over: its\nstream has no run_finished")
	flags.BoolVar(&e.assumeEnded, "assume-ended", false, "with --exit-status: a run without run_finished is over if all its\njobs are, because its writer is gone or writes none")
}

func (e *runStatus) check() error {
	if e.assumeEnded && !e.wanted {
		return command.Usage("--assume-ended changes what --exit-status ends with; give both")
	}
	return nil
}

// of returns the exit status for the state of a run.
func (e *runStatus) of(run *projections.Run) int {
	switch {
	case !e.wanted:
		return statusOK
	case run.State == projections.Failed:
		return statusFailed
	case run.State == projections.Active, !run.Ended && !e.assumeEnded:
		return statusActive
	}
	return statusOK
}
