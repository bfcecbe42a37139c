package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"

	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/shell"
)

// The exit statuses; the help of the root command tells them.
const (
	statusOK          = 0
	statusIO          = 1
	statusUsage       = 2
	statusInvalid     = 5
	statusFailed      = 6
	statusInterrupted = 130
)

// statusError is an error that ends the program with a status of its own.
type statusError struct {
	status int
	error
}

func (e *statusError) Unwrap() error { return e.error }

// usageError is what a wrong command line gives.
func usageError(err error) error { return &statusError{statusUsage, err} }

// statusOf is the status that err ends the program with.
func statusOf(err error) int {
	var status *statusError
	var invalid *invalidError
	var unrecorded *shell.RecordError
	var interrupted interruption
	var failed *shell.FailedError
	switch {
	case err == nil:
		return statusOK
	case errors.As(err, &status):
		return status.status
	case errors.As(err, &invalid):
		return statusInvalid
	case errors.As(err, &unrecorded):
		return statusIO
	case errors.As(err, &interrupted), errors.Is(err, context.Canceled):
		return statusInterrupted
	case errors.As(err, &failed):
		return statusFailed
	}
	return statusIO
}

// tell writes an error for a person: what and where and what to do, on one line
// for each thing that is wrong.
func tell(stderr io.Writer, err error) {
	var invalid *invalidError
	if errors.As(err, &invalid) {
		for _, line := range invalid.lines() {
			fmt.Fprintln(stderr, report.Printable(line))
		}
	}
	if err != nil {
		say(stderr, err.Error()+advice(err))
	}
}

// say writes one line for a person.
func say(stderr io.Writer, words string) {
	fmt.Fprintln(stderr, report.Printable("quire-ci: "+words))
}

// advice says what to do about an error, where its own words do not.
func advice(err error) string {
	var unrecorded *shell.RecordError
	switch {
	case errors.As(err, &unrecorded) && errors.Is(err, syscall.EPIPE):
		return "; the reader of the events must read all of them"
	case errors.Is(err, syscall.ENOSPC):
		return "; make room and run it again, with other names for what it has left"
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR):
		return "; check the path"
	case errors.Is(err, fs.ErrPermission):
		return "; check the permissions"
	}
	return ""
}
