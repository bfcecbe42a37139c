// Package kept reads the streams that a store keeps: as an archive, like files in a folder, and
// back into files.
package kept

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/quire-ci/quire-project/adapters/internal/printable"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// ErrKeepsNone is returned for a store that does not keep streams.
var ErrKeepsNone = errors.New("the store keeps no streams, so it cannot be the SOURCE; name the streams, and add --keep-streams to keep them from now on")

// Archive has the streams that a store keeps. It is a [jsonl.Archive].
type Archive struct {
	ctx   context.Context
	store store.Store
	name  string
}

// Open returns the archive of a store. name is for people. The context ends reading.
func Open(ctx context.Context, s store.Store, name string) (*Archive, error) {
	keeps, err := s.Keeps(ctx)
	switch {
	case err != nil:
		return nil, err
	case !keeps:
		return nil, fmt.Errorf("%s: %w", name, ErrKeepsNone)
	}
	return &Archive{ctx, s, name}, nil
}

// page is how many runs are looked up at once.
const page = 1000

// Locations yields the streams in the order of their runs, or the stream of one run. A run whose
// rows the store has, but not its whole stream, comes with [store.ErrNotKept].
func (a *Archive) Locations(run domain.RunID) iter.Seq2[jsonl.Location, error] {
	return func(yield func(jsonl.Location, error) bool) {
		if run != "" {
			a.yield([]domain.RunID{run}, yield)
			return
		}
		for runs, err := range store.Pages(a.ctx, page, a.store.RunIDs) {
			if err != nil {
				yield(jsonl.Location{Path: a.name}, err)
				return
			}
			if !a.yield(runs, yield) {
				return
			}
		}
	}
}

// yield yields the streams of runs, and reports whether to continue.
func (a *Archive) yield(runs []domain.RunID, yield func(jsonl.Location, error) bool) bool {
	kept, err := a.store.Kept(a.ctx, runs)
	var known map[domain.RunID]store.Checkpoint
	if err == nil {
		known, err = a.store.Checkpoints(a.ctx, runs)
	}
	if err != nil {
		yield(jsonl.Location{Path: a.name}, err)
		return false
	}
	for _, run := range runs {
		checkpoint, stored := known[run]
		at := jsonl.Location{Path: a.name + "#" + printable.Name(string(run)), Run: run, In: a, Origin: checkpoint.Source}
		if !yield(at, a.check(at, kept[run], checkpoint, stored)) {
			return false
		}
	}
	return true
}

// Own returns the streams that a store keeps, as sources for rows beside the live ones; others are
// streams of runs whose streams the store does not keep. It returns nil if the store keeps no
// streams.
func Own(ctx context.Context, s store.Store, others jsonl.Streams) (store.Sources, error) {
	archive, err := Open(ctx, s, "the store")
	if errors.Is(err, ErrKeepsNone) {
		return nil, nil
	}
	return own{archive, others}, err
}

type own struct {
	archive *Archive
	others  jsonl.Streams
}

// All yields the streams.
func (o own) All() iter.Seq2[store.Source, error] {
	return func(yield func(store.Source, error) bool) {
		lacking := map[domain.RunID]bool{}
		for at, err := range o.archive.Locations("") {
			if errors.Is(err, store.ErrNotKept) {
				lacking[at.Run] = true
			} else if !yield(o.others.Source(at), err) {
				return
			}
		}
		if len(lacking) == 0 {
			return
		}
		for source, err := range o.others.All() {
			if (err != nil || lacking[source.Run()]) && !yield(source, err) {
				return
			}
		}
	}
}

// check returns why a stream cannot be read.
func (a *Archive) check(at jsonl.Location, kept store.Kept, checkpoint store.Checkpoint, stored bool) error {
	err := store.ErrNotKept
	switch {
	case kept.SHA256 != [32]byte{} && (checkpoint.Kept || !stored):
		return nil
	case kept.SHA256 != [32]byte{}:
		err = fmt.Errorf("%w to the end of its rows, but only its first %d bytes", err, kept.Bytes)
	case !stored:
		err = store.ErrNoRun
	}
	return &store.SourceError{Name: at.Path, Err: err}
}

// Open opens the stream of a run.
func (a *Archive) Open(run domain.RunID) (io.Reader, int64, error) {
	end, err := a.end(run)
	if err != nil {
		return nil, 0, err
	}
	return store.KeptReader(a.ctx, a.store, run, end), end.Bytes, nil
}

// Ends reports whether the stream of a run is what end was taken of.
func (a *Archive) Ends(run domain.RunID, end domain.Mark) (bool, error) {
	kept, err := a.end(run)
	return kept.Bytes == end.Bytes && kept.SHA256 == end.SHA256, err
}

// end returns the end of the stream of a run.
func (a *Archive) end(run domain.RunID) (domain.Mark, error) {
	kept, err := a.store.Kept(a.ctx, []domain.RunID{run})
	if _, ok := kept[run]; err == nil && !ok {
		err = fmt.Errorf("run %q: %w", run, store.ErrNotKept)
	}
	return kept[run].Mark, err
}
