package main

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"sync"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/live"
	"github.com/quire-ci/quire-project/adapters/tail"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// follower follows streams, each in a goroutine of its own.
type follower struct {
	path    string
	options jsonl.Options
	runID   domain.RunID // of the only stream, where it was given

	view     live.View // nil if nothing is shown
	keeper   *keeper   // nil if no rows are kept
	remarks  *remarks
	decoders sync.Pool

	mu     sync.Mutex
	runs   map[domain.RunID]*followedRun
	status int // what went wrong with single streams
}

// followedRun is what is known of a run that is, or was, followed. It is little,
// and kept as long as the program runs.
type followedRun struct {
	path   string
	status int // that --exit-status has for it
	// finished is where its stream was left, once its end had been read.
	finished *finished
	// bad is why it is not read on.
	bad *badLine
}

// finished is where a stream was left.
type finished struct {
	position tail.Position
	lines    int64
}

func newFollower(path string, flags followFlags, std stdio) (*follower, error) {
	options, err := flags.options()
	if err != nil {
		return nil, err
	}
	if _, err := flags.growing(path); err != nil {
		return nil, err
	}
	f := &follower{path: path, options: options, runID: domain.RunID(flags.runID), remarks: newRemarks(std.err), runs: map[domain.RunID]*followedRun{}}
	f.decoders.New = func() any { return &chunkDecoder{Segments: jsonl.NewSegments(options)} }
	return f, nil
}

func (f *follower) warn(err error) { f.remarks.once(err.Error()) }

// end ends the work, err being why following has ended, and returns what the
// command ends with.
func (f *follower) end(err error, exitStatus bool) error {
	if f.keeper != nil {
		err = cmp.Or(err, f.keeper.close())
	}
	if f.view != nil {
		if failed := f.view.Close(); failed != nil {
			err = cmp.Or[error](err, &writeError{failed})
		}
	}
	f.remarks.release()
	if err = f.ending(err); err != nil {
		return err
	}
	status := f.status
	if status == statusOK && exitStatus {
		status = f.outcome()
	}
	if status == statusOK {
		return nil
	}
	return &statusError{status: status}
}

// ending returns what the command ends with, err being why it does.
func (f *follower) ending(err error) error {
	switch {
	case !errors.Is(err, context.Canceled):
		return err
	case isFolder(f.path):
		return nil
	}
	return errInterrupted
}

// outcome is what --exit-status says of all runs.
func (f *follower) outcome() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	status := statusOK
	for _, run := range f.runs {
		status = worse(status, run.status)
	}
	return status
}

// claim takes note of which stream is that of a run, and reports whether it was
// known already.
func (f *follower) claim(source jsonl.Source) (run *followedRun, again bool, err error) {
	if err := store.CheckRunID(source.Run); err != nil && f.keeper != nil {
		return nil, false, &store.SourceError{Name: source.Path, Err: err}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	run, again = f.runs[source.Run]
	switch {
	case again && run.path == source.Path:
		return run, true, nil
	case again && isThere(run.path): // else it was moved
		return nil, false, &store.DuplicateError{Run: source.Run, Name: source.Path, Taken: run.path}
	}
	run = &followedRun{path: source.Path, status: statusActive}
	f.runs[source.Run] = run
	return run, again, nil
}

func isThere(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// setAside tells what is wrong with a stream, which is not followed any more.
func (f *follower) setAside(err error) {
	f.remarks.once(err.Error() + advice(err))
	f.mu.Lock()
	defer f.mu.Unlock()
	f.status = worse(f.status, statusOfStream(err))
}
