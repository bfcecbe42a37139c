package follow

import (
	"context"
	"errors"
	"hash"
	"io"
	"io/fs"
	"time"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/tail"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// followed is one stream that is followed from its start.
type followed struct {
	*follower
	ctx    context.Context
	stream *tail.Stream
	source jsonl.Location
	run    *run
	again  bool  // it was read before
	shown  int64 // up to where it was, and the view has seen it

	lines  int64             // that were read
	digest hash.Hash         // of them; nil where it is not known
	fold   *projections.Fold // nil once the run has finished
	row    projections.Run
	kept   domain.Mark // of what the rows in the store are of, or its length alone
	wrote  bool        // to the store, segments
	unborn bool        // the store has nothing of it
	seen   int64       // see keeper.apply
}

// pieceSize is how much of a stream is handed on at once.
const pieceSize = 1 << 20

func (f *followed) read(before *tail.Position) error {
	if err := f.begin(before); err != nil {
		return err
	}
	return f.on()
}

// on reads on until the run has finished, and nothing is left, or the stream is quiet.
func (f *followed) on() error {
	for f.fold != nil {
		chunk, err := f.next()
		if errors.Is(err, tail.ErrIdle) && f.isOver() {
			break
		}
		if errors.Is(err, tail.ErrIdle) {
			f.leave(f.stream.Position())
			return err
		}
		if err := f.took(chunk, err); err != nil {
			return err
		}
	}
	for { // what the writer wrote behind its end, or before it died
		left := f.stream.Position()
		chunk, err := f.stream.Rest(pieceSize)
		if errors.Is(err, io.EOF) || chunk.Tail || f.fold == nil && errors.Is(err, fs.ErrNotExist) { // or somebody has removed it
			return f.finish(left, chunk.Tail)
		}
		if err := f.took(chunk, err); err != nil {
			return err
		}
	}
}

// took takes what was read.
func (f *followed) took(chunk tail.Chunk, err error) error {
	var long *tail.LineTooLongError
	switch {
	case err == nil:
		return f.take(chunk)
	case !errors.As(err, &long):
		return err
	case f.Streams.OnMalformed == jsonl.Skip:
		return f.pass(long)
	}
	return jsonl.LineTooLong(f.source.Path, domain.Position{Line: f.lines + 1, Offset: long.Offset}, long.First, long.Max)
}

// leave releases the stream until its file changes.
func (f *followed) leave(at tail.Position) {
	f.run.left = &at
	if f.keeper != nil {
		_ = f.keeper.projector.Forget(f.ctx, f.source.Run) // else it is closed, or about to be
	}
	if f.View != nil {
		f.View.Release(f.source.Run)
	}
}

// birth is how long the first line of a run is waited for, before the run has its
// rows without one. Mostly it comes soon, and many runs are then written at once.
const birth = 200 * time.Millisecond

// next waits for whole lines.
func (f *followed) next() (tail.Chunk, error) {
	if !f.unborn {
		return f.stream.Next(f.ctx, pieceSize)
	}
	ctx, cancel := context.WithTimeout(f.ctx, birth)
	defer cancel()
	chunk, err := f.stream.Next(ctx, pieceSize)
	if err != nil && f.ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		if err := f.born(); err != nil {
			return chunk, err
		}
		return f.next()
	}
	f.unborn = err != nil
	return chunk, err
}

// born makes the rows of a run, of which no line has come yet, or one just now.
func (f *followed) born() error {
	at, err := f.keeper.make(f.ctx, f.source.Run, f.recording().WholeLines(), f.waiting)
	if err != nil {
		return err
	}
	f.unborn = false
	f.keptUpTo(at.Mark)
	return nil
}

func (f *followed) recording() *jsonl.StoreSource {
	options := f.Streams
	options.Name = f.source.Path
	return f.source.Source(options)
}
