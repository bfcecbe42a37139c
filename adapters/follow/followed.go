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

// followed is one stream that is followed from its start or, if its run had
// finished before, from where it was left.
type followed struct {
	*follower
	ctx    context.Context
	stream *tail.Stream
	source jsonl.Source
	run    *run
	again  bool // it was read before

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

func (f *followed) read(from *finished) error {
	if err := f.begin(from); err != nil {
		return err
	}
	return f.on()
}

// on reads on until the run has finished, and nothing is left.
func (f *followed) on() error {
	for f.fold != nil {
		chunk, err := f.next()
		if err := f.took(chunk, err); err != nil {
			return err
		}
	}
	for { // what the writer wrote behind its end
		left := f.stream.Position()
		chunk, err := f.stream.Rest(pieceSize)
		if errors.Is(err, io.EOF) || errors.Is(err, fs.ErrNotExist) || chunk.Tail { // or somebody has let go of it
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
	case f.Streams.OnMalformed == jsonl.Skip && errors.As(err, &long):
		return f.pass(long)
	}
	return err
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

func (f *followed) recording() *jsonl.Recording {
	options := f.Streams
	options.Name = f.source.Path
	return f.source.Recording(options)
}
