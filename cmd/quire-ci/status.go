package main

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/quire-ci/quire-project/adapters/pipeline"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/shell"
	"github.com/quire-ci/quire-project/adapters/signals"
	"github.com/quire-ci/quire-project/cmd/internal/command"
)

// statusOf returns the exit status for err.
func statusOf(err error) int {
	var invalid *pipeline.InvalidError
	var unrecorded *shell.RecordError
	var interrupted signals.Interrupted
	var failed *shell.FailedError
	switch {
	case errors.As(err, new(*command.StatusError)):
	case errors.As(err, &invalid):
		return command.StatusFound
	case errors.As(err, &unrecorded):
		return command.StatusIO
	case errors.As(err, &interrupted):
		return command.StatusInterrupted
	case errors.As(err, &failed):
		return command.StatusFailed
	}
	return command.StatusOf(err)
}

// report writes an error: what failed, where, and what to do, with one line for each problem.
func (p program) report(err error) {
	var invalid *pipeline.InvalidError
	if errors.As(err, &invalid) {
		for _, line := range invalid.Lines() {
			fmt.Fprintln(p.Err, report.Printable(line))
		}
	}
	if err != nil {
		p.Say(p.Err, err.Error()+advice(err))
	}
}

// advice returns what to do about an error, unless the error's text already says so.
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
