package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/quire-ci/quire-project/adapters/follow"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/projections"
)

// The exit statuses; the help of the root command tells them.
const (
	statusOK          = 0
	statusIO          = 1
	statusUsage       = 2
	statusActive      = 3
	statusMalformed   = 4
	statusFound       = 5
	statusFailed      = 6
	statusInterrupted = 130
)

// statusError is an error that ends the program with a status of its own. One
// without a message has been told already.
type statusError struct {
	status int
	err    error
}

func (e *statusError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *statusError) Unwrap() error { return e.err }

// endWith returns what ends the program with a status, of which everything has been said.
func endWith(status int) error {
	if status == statusOK {
		return nil
	}
	return &statusError{status: status}
}

// usageError is what a wrong command line gives.
func usageError(err error) error { return &statusError{statusUsage, err} }

// statusOf is the status that err ends the program with.
func statusOf(err error) int {
	var status *statusError
	var malformed *jsonl.MalformedError
	var compressed *follow.CompressedError
	switch {
	case err == nil:
		return statusOK
	case errors.As(err, &compressed):
		return statusUsage
	case errors.As(err, &status):
		return status.status
	case errors.As(err, &malformed):
		return statusMalformed
	case errors.Is(err, context.Canceled):
		return statusInterrupted
	}
	return statusIO
}

// tell writes an error for a person: one line, what and where and what to do.
// It may name what the user or a file system named, so it is made printable.
func tell(stderr io.Writer, err error) {
	if err == nil || err.Error() == "" {
		return
	}
	if errors.Is(err, context.Canceled) {
		err = errors.New("interrupted")
	}
	say(stderr, oneLine(err.Error())+advice(err))
}

// lineBreak is what some databases put into their errors.
var lineBreak = regexp.MustCompile(`[ \t]*\n[ \t]*`)

// oneLine makes one line of what an error says. A database that was tried at the same
// address in two ways says the same of both, which is told once.
func oneLine(words string) string {
	return strings.Join(slices.Compact(lineBreak.Split(words, -1)), " ")
}

// say writes one line for a person.
func say(stderr io.Writer, words string) {
	fmt.Fprintln(stderr, report.Printable("quire-project: "+oneLine(words)))
}

// worse returns the status to end with when several things went wrong.
func worse(a, b int) int {
	for _, status := range []int{statusInterrupted, statusIO, statusUsage, statusMalformed, statusFound, statusFailed, statusActive} {
		if a == status || b == status {
			return status
		}
	}
	return statusOK
}

// runStatus are the flags that make the exit status speak of the runs.
type runStatus struct {
	wanted bool
	// assumeEnded takes a run for over where its jobs are: its writer is known to be
	// gone, or writes no run_finished.
	assumeEnded bool
}

func (e *runStatus) add(flags *pflag.FlagSet) {
	flags.BoolVar(&e.wanted, "exit-status", false, "end with 6 if a run failed, 3 if one is not over: its stream has\nno run_finished")
	flags.BoolVar(&e.assumeEnded, "assume-ended", false, "with --exit-status: a run without run_finished is over if all its\njobs are, because its writer is gone or writes none")
}

func (e *runStatus) check() error {
	if e.assumeEnded && !e.wanted {
		return usageError(errors.New("--assume-ended changes what --exit-status ends with; give both"))
	}
	return nil
}

// of is the status for how a run stands.
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
