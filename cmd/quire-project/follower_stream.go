package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/tail"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// stream follows one stream until its run has finished, or it cannot be read.
func (f *follower) stream(ctx context.Context, s *tail.Stream) error {
	source := jsonl.FileSource(s.Path())
	source.Run = cmp.Or(f.runID, source.Run)
	run, again, err := f.claim(source)
	if err != nil {
		f.setAside(err)
		return nil
	}
	if run.bad.isIn(source.Path) {
		return nil
	}
	run.bad = nil
	resume := run.finished.in(source.Path)
	for stops := 0; ; again, resume = true, nil {
		if again && resume == nil {
			f.restart(source.Run)
			s.SetOffset(0)
		}
		one := &followed{follower: f, ctx: ctx, stream: s, source: source, run: run, again: again}
		err := one.read(resume)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			one.last()
			return ctx.Err()
		case errors.Is(err, tail.ErrRewritten):
			continue
		case errors.Is(err, errStopped) && stops < maxStops:
			stops++
			pause(ctx, time.Duration(stops)*firstPause)
			continue
		case errors.Is(err, fs.ErrNotExist): // it is about to be replaced
			if _, err = s.Next(ctx, 1); err == nil || errors.Is(err, tail.ErrRewritten) {
				continue
			}
		}
		return one.fails(err)
	}
}

// maxStops is how often a stream is read anew because others write its run.
const maxStops = 10

func pause(ctx context.Context, while time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(while):
	}
}

// restart has the view forget a run, whose stream is read from its start.
func (f *follower) restart(run domain.RunID) {
	if f.view != nil {
		f.view.Restart(run)
	}
}

// in returns where a stream was left, if it is still in the file at path.
func (f *finished) in(path string) *finished {
	if f == nil {
		return nil
	}
	info, err := os.Stat(path)
	if err != nil || !os.SameFile(info, f.file) || info.Size() < f.offset {
		return nil
	}
	return f
}

// followed is one stream that is followed from its start or, if its run had
// finished before, from where it was left.
type followed struct {
	*follower
	ctx    context.Context
	stream *tail.Stream
	source jsonl.Source
	run    *followedRun
	again  bool // it was read before

	lines  int64             // that were read
	digest hash.Hash         // of them; nil where it is not known
	fold   *projections.Fold // nil once the run has finished
	row    projections.Run
	kept   int64 // up to where the rows are in the store
	wrote  bool  // to the store, segments
	unborn bool  // the store has nothing of it
	seen   int64 // see keeper.apply
}

// pieceSize is how much of a stream is handed on at once.
const pieceSize = 1 << 20

func (f *followed) read(from *finished) error {
	if err := f.begin(from); err != nil {
		return err
	}
	for f.fold != nil {
		chunk, err := f.next()
		if err != nil {
			return err
		}
		if err := f.take(chunk); err != nil {
			return err
		}
	}
	for { // what the writer wrote behind its end
		chunk, err := f.stream.Rest(pieceSize)
		if errors.Is(err, io.EOF) || chunk.Tail {
			return f.finish(chunk)
		}
		if err != nil {
			return err
		}
		if err := f.take(chunk); err != nil {
			return err
		}
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
		if err := f.keeper.ingest(f.ctx, f.recording().WholeLines(), f.trouble); err != nil {
			return chunk, err
		}
		f.unborn = false
		return f.next()
	}
	f.unborn = err != nil
	return chunk, err
}

// begin finds out where to read from, and brings the rows up to it.
func (f *followed) begin(from *finished) error {
	if from != nil {
		f.stream.SetOffset(from.offset)
		f.lines = from.lines
	} else {
		f.digest = sha256.New()
		f.fold = projections.NewFold(f.source.Run, projections.Into(projections.Runs(), func(row *projections.Row[projections.Run]) { f.row = row.Value }))
	}
	if f.keeper == nil {
		return nil
	}
	f.seen = f.keeper.held.Load()
	info, err := os.Stat(f.source.Path)
	if err != nil {
		return err
	}
	at, err := f.keeper.begin(f.ctx, f.source.Run, f.recording().WholeLines(), info.Size() <= pieceSize, f.again, f.trouble)
	if err != nil {
		return err
	}
	f.unborn = at == (store.Checkpoint{})
	if f.kept = at.Mark.Bytes; from != nil && f.kept < from.offset {
		return tail.ErrRewritten // since it was left
	}
	return f.skip(at)
}

// skip leaves out what nobody needs to see of a run that has finished.
func (f *followed) skip(at store.Checkpoint) error {
	if f.view != nil || at.Mark.Bytes == 0 {
		return nil
	}
	row, err := store.ReadRun(f.ctx, f.keeper.store, f.source.Run)
	if err != nil || !row.Ended {
		return nil // to read it is as good
	}
	f.setStatus(row.State)
	f.stream.SetOffset(at.Mark.Bytes)
	f.lines, f.fold, f.digest = at.Mark.Lines, nil, nil
	return nil
}

func (f *followed) recording() *jsonl.Recording {
	options := f.options
	options.Name = f.source.Path
	return f.source.Recording(options)
}

// take stores whole lines, and shows them.
func (f *followed) take(chunk tail.Chunk) error {
	d := f.decoders.Get().(*chunkDecoder)
	defer f.decoders.Put(d)
	defer d.forget()
	data, lines, malformed := d.decode(f.source, chunk, f.lines)
	if len(data) == 0 {
		return malformed
	}
	if err := f.keep(chunk.Offset, data); err != nil {
		return err
	}
	f.lines += lines
	f.count(d.entries)
	if f.view != nil {
		f.view.Take(f.source.Run, d.entries)
	}
	return malformed
}

// keep has the rows of whole lines stored that are not yet.
func (f *followed) keep(offset int64, data []byte) error {
	segment := domain.Segment{Run: f.source.Run, Offset: offset, Data: data}
	if f.digest != nil {
		_, _ = f.digest.Write(data) // a hash never fails
		f.digest.Sum(segment.SHA256[:0])
	}
	if f.keeper == nil || segment.End() <= f.kept {
		return nil
	}
	if err := f.keeper.apply(f.ctx, segment, &f.seen, f.trouble); err != nil {
		return err
	}
	f.kept, f.wrote = segment.End(), true
	return nil
}

// count folds entries, to know how the run stands and when it has finished.
func (f *followed) count(entries []domain.Entry) {
	if f.fold == nil {
		return
	}
	for i := range entries {
		f.fold.Apply(&entries[i])
	}
	f.fold.Settle()
	f.fold.Open()
	f.setStatus(f.row.State)
	if f.row.Ended {
		f.fold = nil
	}
}

func (f *followed) setStatus(state projections.State) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.run.status = runStatus(state)
}

// trouble shows that the store is waited for, where words would be held back.
func (f *followed) trouble(err error) {
	if f.view != nil && f.remarks.hold {
		f.view.Trouble(f.source.Run, "waiting for the store: "+err.Error())
	}
}

// finish takes note that the run has finished, and stores what only the end of
// the stream tells: that its last line is torn.
func (f *followed) finish(torn tail.Chunk) error {
	if f.keeper != nil && (f.wrote || torn.Tail) {
		if err := f.keeper.ingest(f.ctx, f.recording(), nil); err != nil {
			return err
		}
	}
	if info, err := os.Stat(f.source.Path); err == nil {
		f.run.finished = &finished{info, f.stream.Offset() - int64(len(torn.Data)), f.lines}
	}
	return nil
}

// last stores what is there of a stream that is not read on, though its run has
// not finished: lines that were not stored yet, and a last line that is torn.
func (f *followed) last() {
	if f.keeper == nil {
		return
	}
	if info, err := os.Stat(f.source.Path); err == nil && (f.unborn || info.Size() > f.kept) {
		f.keeper.last(f.recording())
	}
}

// fails ends the following of the stream or, if the store has failed, of all.
func (f *followed) fails(err error) error {
	var failed *storeFailure
	if errors.As(err, &failed) {
		return err
	}
	if errors.Is(err, errStopped) {
		err = &store.SourceError{Name: f.source.Path, Err: err}
	}
	if f.view != nil {
		f.view.Trouble(f.source.Run, err.Error())
	}
	f.run.bad = findBad(f.source.Path, err)
	f.setAside(err)
	return nil
}
