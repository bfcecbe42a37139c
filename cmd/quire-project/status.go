package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

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

// usageError is what a wrong command line gives.
func usageError(err error) error { return &statusError{statusUsage, err} }

// statusOf is the status that err ends the program with.
func statusOf(err error) int {
	var status *statusError
	var malformed *jsonl.MalformedError
	switch {
	case err == nil:
		return statusOK
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
	for _, status := range []int{statusInterrupted, statusIO, statusMalformed, statusFound, statusFailed, statusActive} {
		if a == status || b == status {
			return status
		}
	}
	return statusOK
}

// runStatus is the status that --exit-status gives for how a run stands.
func runStatus(state projections.State) int {
	switch state {
	case projections.Failed:
		return statusFailed
	case projections.Active:
		return statusActive
	}
	return statusOK
}
