package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/live"
	"github.com/quire-ci/quire-project/adapters/tail"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// follower follows streams, each in a goroutine of its own.
type follower struct {
	options jsonl.Options
	runID   domain.RunID // of the only stream, where it was given
	folder  bool

	view      live.View        // nil if nothing is shown
	store     openedStore      // nil if no rows are kept
	projector *store.Projector // with store

	mu      sync.Mutex
	paths   map[domain.RunID]string // of streams that are, or were, followed
	states  map[domain.RunID]int    // the status that --exit-status has for each
	stopped map[domain.RunID]bool   // runs whose segments are not applied any more
	status  int                     // what went wrong with single streams
	words   []string                // to be said when the view is gone
}

// keep makes the follower keep the rows of a store.
func (f *follower) keep(s openedStore) {
	f.store, f.stopped = s, map[domain.RunID]bool{}
	f.projector = store.NewProjector(s, jsonl.NewSegments(f.options), store.ProjectorOptions{
		Done: func(batch store.Batch) {
			f.mu.Lock()
			defer f.mu.Unlock()
			for _, run := range batch.Quarantined {
				f.stopped[run] = true
			}
		},
	})
}

// closing is how long what is under way may take when following ends.
const closing = 10 * time.Second

// close ends the work with the store, and shows the end.
func (f *follower) close() (err error) {
	if f.projector != nil {
		ctx, cancel := context.WithTimeout(context.Background(), closing)
		defer cancel()
		err = f.projector.Close(ctx)
	}
	if f.view != nil {
		err = cmp.Or(err, f.view.Close())
	}
	return err
}

// ending returns what following ends with, err being why it has.
func (f *follower) ending(err error) error {
	if !errors.Is(err, context.Canceled) {
		return err
	}
	if f.folder {
		return nil
	}
	return errInterrupted
}

func (f *follower) warn(err error) { f.say(err.Error()) }

func (f *follower) say(words string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.words = append(f.words, words)
}

// outcome is what --exit-status says of all runs.
func (f *follower) outcome() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	status := statusOK
	for _, s := range slices.Sorted(maps.Values(f.states)) {
		status = worse(status, s)
	}
	return status
}

// stream follows one stream until its run has finished.
func (f *follower) stream(ctx context.Context, s *tail.Stream) error {
	source := jsonl.FileSource(s.Path())
	source.Run = cmp.Or(f.runID, source.Run)
	again, err := f.claim(source)
	if err != nil {
		return f.setAside(source.Run, err)
	}
	for ; ; again = true {
		if again && f.view != nil {
			f.view.Restart(source.Run)
		}
		one := &followed{follower: f, ctx: ctx, stream: s, source: source}
		err := one.read()
		switch {
		case errors.Is(err, tail.ErrRewritten) || errors.Is(err, errStopped):
			s.SetOffset(0)
			continue
		case err != nil && ctx.Err() != nil:
			one.last()
			return ctx.Err()
		case err != nil && isOfStream(err):
			return f.setAside(source.Run, err)
		}
		return err
	}
}

// claim takes note of which stream is that of a run, and reports whether that
// was known.
func (f *follower) claim(source jsonl.Source) (again bool, err error) {
	if err := store.CheckRunID(source.Run); err != nil && f.store != nil {
		return false, &store.SourceError{Name: source.Path, Err: err}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	taken, again := f.paths[source.Run]
	if again && taken != source.Path {
		return false, &store.DuplicateError{Run: source.Run, Name: source.Path, Taken: taken}
	}
	f.paths[source.Run] = source.Path
	return again, nil
}

// isOfStream reports whether an error is the fault of one stream, and the
// others can be followed on.
func isOfStream(err error) bool {
	var malformed *jsonl.MalformedError
	var long *tail.LineTooLongError
	return errors.As(err, &malformed) || errors.As(err, &long)
}

// setAside tells what is wrong with a stream, which is not followed any more.
func (f *follower) setAside(run domain.RunID, err error) error {
	if f.view != nil {
		f.view.Trouble(run, err.Error())
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.words = append(f.words, err.Error()+advice(err))
	status := statusOf(err)
	var long *tail.LineTooLongError
	if errors.As(err, &long) {
		status = statusMalformed
	}
	f.status = worse(f.status, status)
	return nil
}

// followed is one stream from its start.
type followed struct {
	*follower
	ctx    context.Context
	stream *tail.Stream
	source jsonl.Source

	lines int64 // that were read
	fold  *projections.Fold
	runs  projections.Run
}

// errStopped says that the store does not take the stream for what it was.
var errStopped = errors.New("the rows have to be derived from the start of the stream")

// pieceSize is how much of a stream is handed on at once.
const pieceSize = 1 << 20

func (f *followed) read() error {
	if err := f.begin(); err != nil {
		return err
	}
	decoder := jsonl.NewSegments(f.options)
	for !f.fold.Run().Ended() {
		chunk, err := f.stream.Next(f.ctx, pieceSize)
		if err != nil {
			return err
		}
		if err := f.take(decoder, chunk); err != nil {
			return err
		}
	}
	for { // what the writer wrote behind its end
		chunk, err := f.stream.Rest(pieceSize)
		if errors.Is(err, io.EOF) || chunk.Tail {
			return f.end()
		}
		if err != nil {
			return err
		}
		if err := f.take(decoder, chunk); err != nil {
			return err
		}
	}
}

// begin brings the rows up to what is there, so that what comes continues them.
func (f *followed) begin() error {
	f.fold = projections.NewFold(f.source.Run, projections.Into(projections.Runs(), func(row *projections.Row[projections.Run]) { f.runs = row.Value }))
	if f.projector == nil {
		return nil
	}
	if err := f.projector.Drop(f.ctx, f.source.Run); err != nil {
		return err
	}
	f.mu.Lock()
	delete(f.stopped, f.source.Run)
	f.mu.Unlock()
	return f.ingest(f.ctx, f.recording().WholeLines())
}

func (f *followed) recording() *jsonl.Recording {
	options := f.options
	options.Name = f.source.Path
	return f.source.Recording(options)
}

func (f *followed) ingest(ctx context.Context, recording *jsonl.Recording) error {
	result, err := store.Ingest(ctx, f.store, recording, store.Options{})
	if err == nil && result.Outcome == store.Rewritten {
		f.say(rewritten(result))
	}
	return err
}

// take shows whole lines, and stores them.
func (f *followed) take(decoder *jsonl.Segments, chunk tail.Chunk) error {
	segment := domain.Segment{Run: f.source.Run, Offset: chunk.Offset, Data: chunk.Data}
	var entries []domain.Entry
	lines, err := decoder.Decode(&segment, decoder.Reading(), f.lines, func(entry *domain.Entry) { entries = append(entries, *entry) })
	if err != nil {
		return err
	}
	f.lines += lines
	for i := range entries {
		f.fold.Apply(&entries[i])
	}
	f.fold.Settle()
	f.fold.Open()
	f.mu.Lock()
	f.states[f.source.Run] = runStatus(f.runs.State)
	f.mu.Unlock()
	if f.view != nil {
		f.view.Take(f.source.Run, entries)
	}
	if f.projector == nil {
		return nil
	}
	if err := f.projector.Apply(f.ctx, segment); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped[f.source.Run] {
		return errStopped
	}
	return nil
}

// end stores what only the end of the stream tells: that its last line is torn.
func (f *followed) end() error {
	if f.store == nil {
		return nil
	}
	return f.ingest(f.ctx, f.recording())
}

// last is end for a stream that is not read on, though its run has not
// finished. It is done if there is anything to it.
func (f *followed) last() {
	if f.store == nil {
		return
	}
	if chunk, err := f.stream.Rest(pieceSize); err != nil || len(chunk.Data) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(f.ctx), closing)
	defer cancel()
	if err := f.ingest(ctx, f.recording()); err != nil {
		f.say(fmt.Sprintf("%v; the same command goes on where it was", err))
	}
}
