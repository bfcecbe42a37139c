package follow

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/quire-ci/quire-project/adapters/internal/printable"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/tail"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// reader reads one stream from its start, and passes it to the sink and, without a store, to the view.
type reader struct {
	*follower
	ctx    context.Context
	stream *tail.Stream // nil for a pipe
	lines  lines        // the lines of the stream or pipe
	source jsonl.Location
	run    *run

	at    domain.Mark           // the position in the stream
	sunk  Known                 // the part of the stream that the sink has
	end   domain.Mark           // like sunk, including an incomplete last line
	shown domain.Mark           // the part of the stream that the view had seen when the stream was released
	ended bool                  // a run_finished was read
	live  *projections.LiveRows // the rows of the run, unless a store has them
}

// lines is a source of lines: a stream or a pipe.
type lines interface {
	Next(ctx context.Context, limit int) (tail.Chunk, error)
	Pass(*tail.LineTooLongError) ([sha256.Size]byte, error)
}

// pieceSize is the default of [Options.PieceSize].
const pieceSize = 1 << 20

// notThere describes a stream that no longer contains the bytes that were read.
const notThere = "what was read is not there any more"

// read reads the stream until its run has finished and nothing is left, or until the stream is idle.
func (r *reader) read(shown domain.Mark) error {
	info, err := r.stream.Look()
	if err != nil {
		return err
	}
	if err := r.begin(shown); err != nil {
		return err
	}
	if info.Size() < r.sunk.Bytes {
		if err := r.derive(0, r.rewritten(fmt.Sprintf("it has %d bytes, and %d were read", info.Size(), r.sunk.Bytes))); err != nil {
			return err
		}
	}
	r.stream.Expect(max(r.sunk.Bytes, shown.Bytes))
	for over := false; ; {
		var chunk tail.Chunk
		if over || r.hasEnded() { // read the lines after run_finished, or those written before the writer was gone
			chunk, err = r.stream.Rest(r.limit())
			if errors.Is(err, io.EOF) || r.hasEnded() && errors.Is(err, fs.ErrNotExist) { // the file may have been removed
				return r.finish()
			}
		} else if chunk, err = r.next(); errors.Is(err, tail.ErrIdle) {
			if over = r.isOver(); over {
				continue
			}
			if err := r.checkWhole(); err != nil {
				return err
			}
			return cmp.Or(r.release(), err)
		}
		if err := r.took(chunk, err); err != nil {
			return err
		}
		if chunk.Tail {
			return r.finish()
		}
	}
}

// catchUpAfter is how long the reader waits for lines of a run that it has not caught up with.
const catchUpAfter = 200 * time.Millisecond

// errCaughtUp reports that the reader has caught up with a run, and has to read its stream from the start.
var errCaughtUp = errors.New("the reader has caught up")

// caughtUp reports whether the sink has the run, and whether all lines that were read earlier were
// read again.
func (r *reader) caughtUp() bool {
	return r.at.Bytes >= r.shown.Bytes && (r.sink == nil || r.at.Bytes >= r.sunk.Bytes && (r.at.Bytes > 0 || r.sunk.Stored))
}

// next waits for whole lines. If the reader has not caught up and no lines come soon, next catches up: a run
// without lines gets its row, and a stream that has fewer lines than before was rewritten.
func (r *reader) next() (tail.Chunk, error) {
	if r.caughtUp() {
		return r.lines.Next(r.ctx, r.limit())
	}
	ctx, cancel := context.WithTimeout(r.ctx, catchUpAfter)
	defer cancel()
	chunk, err := r.lines.Next(ctx, r.limit())
	if r.ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
		return chunk, err
	}
	chunk, err = r.stream.Rest(r.limit()) // there may be lines: other streams can make Next wait
	if err == nil && !chunk.Tail || err != nil && !errors.Is(err, io.EOF) {
		return chunk, err
	}
	if err := r.checkWhole(); err != nil {
		return tail.Chunk{}, err
	}
	if r.sink != nil && r.at.Bytes == 0 && !r.sunk.Stored {
		if err := r.sinkStart(); err != nil {
			return tail.Chunk{}, err
		}
	}
	if chunk.Tail { // which Next does not return again
		return tail.Chunk{}, errCaughtUp
	}
	return r.next()
}

// checkWhole is called when all whole lines were read. If they end before the lines that were read
// earlier, the stream was rewritten and ends with an incomplete line.
func (r *reader) checkWhole() error {
	switch {
	case r.at.Bytes < r.shown.Bytes:
		return r.rewritten(notThere)
	case r.sink != nil && r.at.Bytes < r.sunk.Bytes:
		return r.derive(0, r.rewritten(notThere))
	}
	return nil
}

func (r *reader) hasEnded() bool { return r.ended || r.sunk.Ended }

// begin asks the sink how much it has of the run.
func (r *reader) begin(shown domain.Mark) (err error) {
	r.at, r.end, r.shown = domain.StartMark, domain.StartMark, shown
	switch {
	case r.Store != nil:
	case r.View != nil:
		r.live = projections.NewLiveRows(r.source.Run, viewed...)
	case r.sink == nil:
		r.live = projections.NewLiveRows(r.source.Run, projections.Runs.Definition)
	}
	if r.sink == nil {
		return nil
	}
	if r.sunk, err = r.sink.Begin(r.ctx, r.source); err == nil && r.sunk.Other {
		err = r.derive(0, ErrStale)
	}
	return err
}

// limit returns how much to read at once: at most up to the next offset at which the stream has to
// be compared with the sink's part or the view's part.
func (r *reader) limit() int {
	limit := int64(r.PieceSize)
	for _, stop := range []int64{r.sunk.Bytes, r.shown.Bytes} {
		if stop > r.at.Bytes {
			limit = min(limit, stop-r.at.Bytes)
		}
	}
	return int(limit)
}

// sinkStart passes a run without lines to the sink.
func (r *reader) sinkStart() error {
	err := r.sink.Write(r.ctx, r.source, domain.Segment{Run: r.source.Run, SHA256: domain.StartMark.SHA256}, nil)
	if errors.Is(err, ErrStale) {
		return r.derive(0, err)
	}
	r.sunk.Stored = err == nil
	return err
}

// took handles a chunk, or the error of reading it.
func (r *reader) took(chunk tail.Chunk, err error) error {
	var long *tail.LineTooLongError
	switch {
	case err == nil:
		return r.take(chunk)
	case !errors.As(err, &long):
		return err
	case r.Streams.OnMalformed == jsonl.Skip:
		sum, err := r.lines.Pass(long)
		return cmp.Or(err, r.pass(sum, long))
	}
	return r.tooLong(long.Offset, long.First)
}

func (r *reader) tooLong(offset int64, first []byte) error {
	return jsonl.LineTooLong(r.source.Path, domain.Position{Line: r.at.Lines + 1, Offset: offset}, first, r.maxLine())
}

func (r *reader) maxLine() int { return cmp.Or(r.Streams.MaxLine, jsonl.DefaultMaxLine) }

// rewritten returns an error that says how the stream was rewritten.
func (r *reader) rewritten(how string) error {
	return fmt.Errorf("%s: %w: %s", printable.Name(r.source.Path), tail.ErrRewritten, how)
}

// take passes on whole lines, or an incomplete last line.
func (r *reader) take(chunk tail.Chunk) error {
	if chunk.Tail && len(chunk.Data) == 0 { // a line that is too long and may be incomplete
		return r.rest(&tail.LineTooLongError{Path: r.source.Path, Offset: chunk.Offset, Max: r.maxLine()})
	}
	d := r.decoders.Get().(*chunkDecoder)
	defer r.decoders.Put(d)
	defer d.forget()
	segment := domain.Segment{Run: r.source.Run, Offset: chunk.Offset, Data: chunk.Data, SHA256: chunk.SHA256, Tail: chunk.Tail}
	end := domain.Mark{Bytes: chunk.End(), Lines: r.at.Lines + int64(bytes.Count(chunk.Data, []byte{'\n'})), SHA256: chunk.SHA256}
	var malformed error
	if r.live != nil || chunk.End() > r.sunk.Bytes {
		var lines int64
		if lines, malformed = d.decode(r.source, &segment, r.at.Lines); len(segment.Data) == 0 {
			return malformed
		}
		end = domain.Mark{Bytes: segment.End(), Lines: r.at.Lines + lines, SHA256: segment.SHA256}
	}
	if err := r.handOn(segment, d.entries, end); err != nil {
		return err
	}
	return malformed
}

// handOn passes a segment to the sink, and derives rows of it for the view. end is the mark after it.
func (r *reader) handOn(segment domain.Segment, entries []domain.Entry, end domain.Mark) error {
	if err := r.checkShown(end); err != nil {
		return err
	}
	if err := r.handToSink(segment, entries, end); err != nil {
		return err
	}
	if r.end = end; !segment.Tail {
		r.at = end
	}
	for i := range entries {
		r.ended = r.ended || entries[i].Kind == domain.RunFinished
	}
	if r.live == nil {
		return nil
	}
	r.live.Apply(entries)
	r.live.Each(r.noteState)
	if r.View != nil && (!segment.Tail || r.stream == nil) { // the last line of a file may still grow
		r.View.Show(r.source.Run, false, r.live.Each)
	}
	return nil
}

// noteState records the state of the run, if row is the run's.
func (r *reader) noteState(of *projections.Definition, row projections.AnyRow) {
	if of == projections.Runs.Definition {
		run := projections.Runs.At(row.Value)
		r.setState(run.State, run.Ended)
	}
}

// checkShown compares the stream with the part that the view has seen.
func (r *reader) checkShown(end domain.Mark) error {
	if r.at.Bytes < r.shown.Bytes && (end.Bytes > r.shown.Bytes || end.Bytes == r.shown.Bytes && end.SHA256 != r.shown.SHA256) {
		return r.rewritten(notThere)
	}
	return nil
}

// handToSink passes a segment to the sink, unless the sink has it already. If the sink has another
// stream of the run, the sink derives the run.
func (r *reader) handToSink(segment domain.Segment, entries []domain.Entry, end domain.Mark) error {
	if r.sink == nil || end.Bytes < r.sunk.Bytes || end.Bytes == r.sunk.Bytes && end.SHA256 == r.sunk.SHA256 {
		return nil
	}
	reason := r.rewritten(notThere)
	if segment.Offset >= r.sunk.Bytes {
		err := r.sink.Write(r.ctx, r.source, segment, entries)
		switch {
		case errors.Is(err, ErrStale) && segment.Tail:
			return r.rest(err)
		case err == nil && !segment.Tail:
			r.sunk.Mark, r.sunk.Stored = end, true
		}
		if !errors.Is(err, ErrStale) {
			return err
		}
		reason = err
	}
	if err := r.derive(end.Bytes, reason); err != nil {
		return err
	}
	if end.Bytes == r.sunk.Bytes && end.SHA256 != r.sunk.SHA256 {
		return reason
	}
	return nil
}

// derive makes the sink read the stream itself; the stream has at least that many bytes.
func (r *reader) derive(bytes int64, reason error) (err error) {
	if r.sunk, err = r.sink.Derive(r.ctx, r.source, reason); err != nil {
		return &refusedError{err}
	}
	if r.stream != nil {
		r.stream.Expect(max(r.sunk.Bytes, r.shown.Bytes))
	}
	if r.sunk.Bytes < bytes {
		return r.rewritten(notThere)
	}
	return nil
}

// refusedError is an error of a sink that cannot be updated to the stream. Reading the stream again
// would give the same error.
type refusedError struct{ error }

func (e *refusedError) Unwrap() error { return e.error }

// pass handles a line that is too long to keep in memory and was skipped.
func (r *reader) pass(sum [sha256.Size]byte, long *tail.LineTooLongError) error {
	end := long.End
	mark := domain.Mark{Bytes: end, Lines: r.at.Lines + 1, SHA256: sum}
	if err := r.checkShown(mark); err != nil {
		return err
	}
	r.at, r.end = mark, mark
	if r.sink == nil || end < r.sunk.Bytes || end == r.sunk.Bytes && sum == r.sunk.SHA256 {
		return nil
	}
	return r.derive(end, long)
}

// rest makes the sink read the rest of a stream that has ended.
func (r *reader) rest(reason error) error {
	if r.sink == nil {
		return nil
	}
	return r.sink.Rest(r.ctx, r.source, reason)
}

func (r *reader) setState(state projections.State, ended bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.run.state, r.run.ended = state, ended
}

// finish is called when a stream has been read to its end.
func (r *reader) finish() error {
	r.sunk.Over = true
	if err := r.release(); err != nil {
		return err
	}
	if !r.hasEnded() {
		r.Report.Abandoned(r.source.Run, r.source.Path)
	}
	return nil
}

// release releases the run until its stream changes. A run without lines is passed to the sink first.
func (r *reader) release() error {
	if r.sink != nil && r.at.Bytes == 0 && !r.sunk.Stored {
		if err := r.sinkStart(); err != nil {
			return err
		}
	}
	r.run.left = &left{lines: r.at, end: r.end}
	r.letGo()
	if r.View != nil {
		r.View.Release(r.source.Run)
	}
	return nil
}

// letGo makes the sink release the run, and records the run's state.
func (r *reader) letGo() {
	if r.sink == nil {
		return
	}
	if known, err := r.sink.Release(r.ctx, r.source, r.sunk); err == nil && known.State != "" {
		r.setState(known.State, known.Ended)
	}
}

// unchanged reports whether the stream still contains exactly the bytes that were read.
func (r *reader) unchanged(left domain.Mark) bool {
	info, err := r.stream.Look()
	if err != nil || info.Size() != left.Bytes {
		return false
	}
	defer r.stream.Restart()
	sum := domain.StartMark.SHA256
	for {
		chunk, err := r.stream.Rest(pieceSize)
		if err != nil {
			return errors.Is(err, io.EOF) && sum == left.SHA256
		}
		if sum = chunk.SHA256; chunk.Tail {
			return sum == left.SHA256
		}
	}
}
