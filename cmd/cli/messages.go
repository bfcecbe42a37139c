package cli

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/quire-ci/quire-project/adapters/brokers"
	"github.com/quire-ci/quire-project/adapters/follow"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/runlog"
	"github.com/quire-ci/quire-project/adapters/stores"
	"github.com/quire-ci/quire-project/adapters/terminal"
	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// say writes a one-line message.
func say(stderr io.Writer, words string) { command.Stdio{Name: name}.Say(stderr, words) }

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

// advice returns what to do about an error, unless the error's text already says so.
func advice(err error) string {
	var compressed *follow.CompressedError
	switch {
	case errors.As(err, &compressed):
		return "; read it with quire-project " + report.Printable(compressed.Path)
	case errors.As(err, new(*jsonl.MalformedError)):
		return "; --on-malformed skip skips such lines"
	case stores.RefusesConnection(err), brokers.IsUnreachable(err):
		return "; check the address, and that the server is running"
	}
	for _, known := range advices {
		switch {
		case !errors.Is(err, known.err):
		case strings.Contains(err.Error(), known.err.Error()+";"): // some stores give more specific advice
			return ""
		default:
			return "; " + known.advice
		}
	}
	return ""
}

var advices = []struct {
	err    error
	advice string
}{
	{store.ErrGone, "put it back or, to make a new one from the streams, run the same again"},
	{store.ErrLocked, "run the same again when that is done"},
	{store.ErrReadOnly, "get the right to write to it, or name another"},
	{store.ErrFull, "make room and run the same again"},
	{store.ErrAway, "the database holds whole runs, and the same command again completes the work"},
	{runlog.ErrNoLogs, "name their folder with --logs"},
	{fs.ErrNotExist, "check the path"},
	{fs.ErrPermission, "check the permissions"},
	{syscall.ENOSPC, "make room and run the same again"},
	{io.ErrUnexpectedEOF, "the file has been cut off, fetch it again"},
}

// work is the reading of streams: its messages, which appear above a progress bar, and the exit status
// for streams that could not be read.
type work struct {
	*terminal.Progress
	status int
}

// begin shows how much of the streams has been read, unless quiet is set.
func (p *app) begin(streams *jsonl.Streams, quiet bool) *work {
	size := streams.Size
	if quiet {
		size = nil
	}
	w := &work{Progress: terminal.NewProgress(p.Err, size)}
	streams.Read = &w.Progress.Done
	return w
}

func (w *work) tell(err error)   { tell(w, err) }
func (w *work) say(words string) { say(w, words) }

// failed reports a stream that could not be read.
func (w *work) failed(err error) {
	w.tell(err)
	w.ends(statusOf(err))
}

// ends sets the status of the work, unless it has a worse one.
func (w *work) ends(status int) { w.status = worst(w.status, status) }

// read calls do with the streams that find returns for paths.
func (p *app) read(find func([]string) (jsonl.Streams, error), paths []string, do func(jsonl.Streams, *work) error) error {
	streams, err := find(paths)
	if err != nil {
		return err
	}
	work := p.begin(&streams, true)
	return cmp.Or(do(streams, work), command.End(work.status))
}

// onStore calls do with the store at an address, and with the streams that find returns for paths.
func (p *app) onStore(ctx context.Context, to string, options stores.Options, find func([]string) (jsonl.Streams, error), paths []string, quiet bool,
	do func(stores.Store, jsonl.Streams, *work) error) error {
	streams, err := find(paths)
	if err != nil {
		return err
	}
	options.Create = streams.CheckAny
	return p.with(ctx, to, options, streams, func(s stores.Store) error {
		work := p.begin(&streams, quiet)
		defer work.Stop()
		return cmp.Or(do(s, streams, work), command.End(work.status))
	})
}

// errResumable is the error of interrupted work that the same command can continue.
var errResumable = &command.StatusError{Status: command.StatusInterrupted, Err: errors.New("interrupted; run the same command again to continue")}

// interruption returns the error of interrupted work on streams. Data from a pipe cannot be read
// again.
func interruption(streams jsonl.Streams) error {
	if streams.HasPipe() {
		return context.Canceled
	}
	return errResumable
}

// statusOf returns the exit status for err.
func statusOf(err error) int {
	switch {
	case errors.As(err, new(*follow.CompressedError)), errors.Is(err, jsonl.ErrOneRun):
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
	wanted         bool
	failed, active bool // some run is so
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
		return command.Usage("--assume-ended needs --exit-status; give both")
	}
	return nil
}

// see takes the state of a run.
func (e *runStatus) see(run *projections.Run) {
	e.failed = e.failed || run.State == projections.Failed
	e.active = e.active || run.State == projections.Active || run.State != projections.Failed && !run.Ended && !e.assumeEnded
}

// status returns the exit status for the states of all runs.
func (e *runStatus) status() int {
	switch {
	case e.wanted && e.failed:
		return command.StatusFailed
	case e.wanted && e.active:
		return command.StatusActive
	}
	return command.StatusOK
}
