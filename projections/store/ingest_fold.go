package store

import (
	"cmp"
	"context"
	"errors"
	"io"

	"github.com/quire-ci/quire-project/domain"
)

var errRewritten = errors.New("the stream does not begin with what was read of it")

// streamFold folds the whole stream of a task into rows. The latest entry waits for the next
// one: it may be of a last line that no line feed ends.
type streamFold struct {
	*collector
	ctx       context.Context
	options   *Options
	task      *task
	yield     func(*task) bool
	continues bool // rows that have not changed stay; else tables are cleared

	stream Stream
	known  int64 // how many bytes were read before
	passed bool  // the fold is behind them
	latest []domain.Entry
	tee    *tee // of the stream, if it is to be kept
}

// some reports whether rows of other tables stay.
func (f *streamFold) some() bool { return len(f.tables) < len(f.of) }

// run folds the stream and passes on its rows. known is the part of it that was read before.
func (f *streamFold) run(known domain.Mark, continues bool) (err error) {
	t, open := f.task, f.task.source.Open
	if f.some() { // the other rows are of the stream as it was, and it may have grown since
		open = t.source.OpenUntil
	}
	if f.stream, err = open(f.ctx, known); err != nil {
		return err
	}
	defer f.stream.Close()
	f.carry(continues)
	if t.clear = f.tables; continues {
		t.clear = nil
	}
	f.most = cmp.Or(f.options.batch, f.most)
	f.begin()
	f.keep, f.continues, f.known = !continues, continues, known.Bytes
	for {
		entries, err := f.stream.Next()
		if failed := f.accept(entries); failed != nil {
			return failed
		}
		switch {
		case errors.Is(err, io.EOF):
			return f.finish()
		case err != nil:
			return err
		case f.full() || f.tee.full():
			if err := f.hand(); err != nil {
				return err
			}
		}
	}
}

// carry makes the rows come with the bytes of the stream that are to be kept. Only rows that
// are added to others come without the bytes of those.
func (f *streamFold) carry(continues bool) {
	t := f.task
	if t.carries = t.keeps && !f.options.DryRun && !(f.some() && t.known.Kept); !t.carries {
		return
	}
	if t.from = 0; continues && t.known.Kept {
		t.from = t.known.Bytes
	}
	f.tee = &tee{skip: t.from}
	f.stream.Tee(f.tee.take)
}

func (f *streamFold) accept(entries []domain.Entry) error {
	last := len(entries) - 1
	if last < 0 {
		return nil
	}
	if err := f.apply(f.latest); err != nil {
		return err
	}
	f.latest = append(f.latest[:0], entries[last])
	return f.apply(entries[:last])
}

func (f *streamFold) apply(entries []domain.Entry) error {
	for i := range entries {
		if !f.passed && entries[i].Offset >= f.known {
			if err := f.pass(); err != nil {
				return err
			}
		}
		f.fold.Apply(&entries[i])
	}
	return nil
}

// pass is called when the part that was read before has been folded.
func (f *streamFold) pass() error {
	f.passed = true
	switch continues := f.stream.Continues(); {
	case continues && f.continues:
		f.count()
		f.markStored()
	case continues:
	case f.continues || f.some():
		return errRewritten
	default:
		f.task.result.Outcome = Rewritten
	}
	f.keep = true
	return nil
}

// finish folds the end of the stream, and makes the checkpoint.
func (f *streamFold) finish() error {
	t, mark, end := f.task, f.stream.Mark(), f.stream.End()
	if tail := len(f.latest) > 0 && f.latest[0].Offset >= mark.Bytes; mark == end || !tail {
		if err := f.apply(f.latest); err != nil {
			return err
		}
		f.latest = nil
	}
	if mark != end {
		if err := f.beginTail(f.stream.Digest); err != nil {
			return err
		}
	}
	if err := f.apply(f.latest); err != nil {
		return err
	}
	if !f.passed {
		if err := f.pass(); err != nil {
			return err
		}
	}
	if err := f.end(f.stream.Digest, f.hand); err != nil {
		return err
	}
	t.next = f.checkpoint(mark, end, t.source.ReadOptions(), t.source.Name())
	t.result.Events = t.next.Events
	t.result.Rows += f.rows.Len()
	if t.stored && t.next.sameRead(t.known) && (t.known.Kept || !t.carries) && !f.options.Force && !f.some() {
		t.result.Outcome = Unchanged
	}
	if t.more != nil {
		return f.push(f.takeAll())
	}
	if t.result.Outcome != Unchanged {
		t.bytes = f.bytes + f.tee.size()
		t.first = f.takeAll()
	}
	return nil
}

// hand hands a batch on, the first one with the task itself, and begins the next one.
func (f *streamFold) hand() error {
	t, rows := f.task, f.takeAll()
	defer f.begin()
	t.result.Rows += rows.Len()
	if f.options.DryRun {
		recycle(rows)
		return nil
	}
	if t.more != nil {
		return f.push(rows)
	}
	t.first, t.more = rows, make(chan *Rows, 1)
	if !f.yield(t) {
		return context.Canceled
	}
	return nil
}

// takeAll returns the collected rows, with the bytes of the stream that were read meanwhile.
func (f *streamFold) takeAll() *Rows {
	rows := f.collector.take()
	if f.tee != nil {
		rows.Stream = append(rows.Stream, f.tee.bytes())
	}
	return rows
}

func (f *streamFold) push(rows *Rows) error {
	select {
	case f.task.more <- rows:
		return nil
	case <-f.ctx.Done():
		return f.ctx.Err()
	}
}
