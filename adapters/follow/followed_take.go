package follow

import (
	"github.com/quire-ci/quire-project/adapters/tail"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

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
	switch {
	case f.View == nil:
	case chunk.Offset < f.shown:
		f.View.Replay(f.source.Run, d.entries)
	default:
		f.View.Take(f.source.Run, d.entries)
	}
	return malformed
}

// keep has the rows of whole lines stored that are not yet.
func (f *followed) keep(offset int64, data []byte) error {
	segment := domain.Segment{Run: f.source.Run, Offset: offset, Data: data}
	if !f.sum(&segment) {
		return tail.ErrRewritten
	}
	if f.keeper == nil || segment.End() <= f.kept.Bytes {
		return nil
	}
	if err := f.keeper.apply(f.ctx, segment, &f.seen, f.waiting); err != nil {
		return err
	}
	f.kept, f.wrote = domain.Mark{Bytes: segment.End()}, true
	return nil
}

// sum sets a segment's digest. It reports false when the stream turns out not to be
// the one that the rows are of: it was replaced after they had been brought up to it.
func (f *followed) sum(segment *domain.Segment) bool {
	if f.digest == nil {
		return true
	}
	known := segment.Data[:min(int64(len(segment.Data)), max(0, f.kept.Bytes-segment.Offset))]
	if len(known) > 0 {
		_, _ = f.digest.Write(known) // a hash never fails
		f.digest.Sum(segment.SHA256[:0])
		if segment.Offset+int64(len(known)) == f.kept.Bytes && segment.SHA256 != f.kept.SHA256 {
			return false
		}
	}
	if rest := segment.Data[len(known):]; len(rest) > 0 {
		_, _ = f.digest.Write(rest)
		f.digest.Sum(segment.SHA256[:0])
	}
	return true
}

// count folds entries, to know how the run stands and when it has finished.
func (f *followed) count(entries []domain.Entry) {
	if f.fold == nil {
		return
	}
	for i := range entries {
		f.fold.Apply(&entries[i])
	}
	f.fold.Detach()
	f.fold.Open()
	f.setState(&f.row)
	if f.row.Ended {
		f.fold = nil
	}
}

func (f *followed) setState(row *projections.Run) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.run.state, f.run.ended = row.State, row.Ended
}

// waiting tells that the run waits for the store.
func (f *followed) waiting(err error) { f.Notices.Waiting(f.source.Run, err) }
