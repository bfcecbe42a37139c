package cli

import (
	"errors"
	"slices"

	"github.com/spf13/pflag"

	"github.com/quire-ci/quire-project/adapters/follow"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/projections"
)

// statusOf returns the exit status for err.
func statusOf(err error) int {
	switch {
	case errors.As(err, new(*follow.CompressedError)):
		return command.StatusUsage
	case !errors.As(err, new(*command.StatusError)) && errors.As(err, new(*jsonl.MalformedError)):
		return command.StatusMalformed
	}
	return command.StatusOf(err)
}

// worst returns the exit status for several problems.
func worst(statuses ...int) int {
	for _, status := range []int{command.StatusInterrupted, command.StatusIO, command.StatusUsage, command.StatusMalformed, command.StatusFound, command.StatusFailed, command.StatusActive} {
		if slices.Contains(statuses, status) {
			return status
		}
	}
	return command.StatusOK
}

// worstOf returns the exit status for the errors of several streams.
func worstOf(errs ...error) (status int) {
	for _, err := range errs {
		status = worst(status, statusOf(err))
	}
	return status
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

// into returns a function that makes status the exit status for the states of all runs, or nil without
// the flag.
func (e *runStatus) into(status *int) func(*projections.Run) {
	if !e.wanted {
		return nil
	}
	return func(run *projections.Run) {
		switch {
		case run.State == projections.Failed:
			*status = worst(*status, command.StatusFailed)
		case run.State == projections.Active, !run.Ended && !e.assumeEnded:
			*status = worst(*status, command.StatusActive)
		}
	}
}

// ofAll returns the exit status for the states of all runs.
func (e *runStatus) ofAll(summary follow.Summary) int {
	switch {
	case !e.wanted:
		return command.StatusOK
	case summary.Failed > 0:
		return command.StatusFailed
	case summary.Active > 0, summary.CompleteSoFar > 0 && !e.assumeEnded:
		return command.StatusActive
	}
	return command.StatusOK
}
