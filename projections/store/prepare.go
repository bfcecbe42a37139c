package store

import (
	"context"
	"errors"
	"io"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// preparer makes work of sources: it finds out what has to be done for a run,
// and folds its stream into rows. It only reads.
type preparer struct {
	options Options
}

// prepare yields the work for source, once its first rows are there, and goes
// on folding until all are taken. stored says that the run has a checkpoint.
func (p *preparer) prepare(ctx context.Context, source Source, known Checkpoint, stored bool, yield func(*task) bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if stored {
		source = source.As(known.Reading)
	}
	w := &task{source: source, known: known, stored: stored, tables: AllTables, stop: cancel}
	w.result = Result{RunID: source.Run(), Source: source.Name()}
	if stored && known.Source != source.Name() {
		w.result.Before = known.Source
	}
	err := p.fold(ctx, w, &yield)
	if errors.Is(err, errRewritten) {
		err = p.foldAnew(ctx, w, &yield)
	}
	if w.more != nil { // the work has been yielded, and ends
		w.err = err
		close(w.more)
		return
	}
	if err != nil {
		w.setAside(err)
	}
	yield(w)
}

// fold decides what is to be done, and does it.
func (p *preparer) fold(ctx context.Context, w *task, yield *func(*task) bool) error {
	if err := CheckRunID(w.source.Run()); err != nil {
		return &SourceError{w.source.Name(), err}
	}
	if w.stored && w.known.Reducers > projections.Version {
		return &storeError{&ReducersError{w.known.Reducers}}
	}
	current := w.stored && w.known.Reducers == projections.Version && w.known.Reading == w.source.Reading()
	if current && !p.options.Force {
		same, err := w.source.Ends(ctx, w.known.End)
		if err != nil {
			return err
		}
		if same && p.options.tables() == AllTables {
			return w.unchanged()
		}
		if same {
			w.tables = p.options.tables()
			w.result.Outcome = Derived
			return p.stream(ctx, w, domain.Mark{}, yield)
		}
	}
	switch {
	case !w.stored:
		w.result.Outcome = Added
		return p.stream(ctx, w, domain.Mark{}, yield)
	case !current || p.options.Force:
		w.result.Outcome = Derived
		return p.stream(ctx, w, w.known.Mark, yield) // which tells if it is another one
	}
	// Rows that came from a last line without a line feed may not last.
	w.continues = w.known.Mark == w.known.End && !w.source.Once()
	w.result.Outcome = Continued
	return p.stream(ctx, w, w.known.Mark, yield)
}

// foldAnew folds a stream that is not the one any more that was read.
func (p *preparer) foldAnew(ctx context.Context, w *task, yield *func(*task) bool) error {
	w.continues, w.result.Outcome = false, Rewritten
	return p.stream(ctx, w, domain.Mark{}, yield)
}

func (w *task) unchanged() error {
	w.result.Outcome, w.result.Events = Unchanged, w.known.Events
	return nil
}

// stream folds the stream and hands its rows on.
func (p *preparer) stream(ctx context.Context, w *task, known domain.Mark, yield *func(*task) bool) error {
	stream, err := w.source.Open(ctx, known)
	if err != nil {
		return err
	}
	defer stream.Close()
	c := newCollector(w.source.Run(), w.tables)
	c.begin()
	c.keep = !w.continues
	for passed := false; ; {
		entries, err := stream.Next()
		for i := range entries {
			if !passed && entries[i].Offset >= known.Bytes {
				passed = true
				if err := w.pass(c, stream); err != nil {
					return err
				}
			}
			c.fold.Apply(&entries[i])
		}
		if errors.Is(err, io.EOF) {
			if !passed {
				if err := w.pass(c, stream); err != nil {
					return err
				}
			}
			return p.finish(ctx, w, c, stream, yield)
		}
		if err != nil {
			return err
		}
		if c.full() {
			if err := p.hand(ctx, w, c, yield); err != nil {
				return err
			}
		}
	}
}

// pass is called once what is known of the stream has been folded.
func (w *task) pass(c *collector, stream Stream) error {
	switch {
	case stream.Continues() && w.continues:
		c.isStored()
	case w.continues:
		return errRewritten
	case !stream.Continues():
		w.result.Outcome = Rewritten
	}
	c.keep = true
	return nil
}

// finish collects what is left at the end of the stream.
func (p *preparer) finish(ctx context.Context, w *task, c *collector, stream Stream, yield *func(*task) bool) error {
	err := c.end(w.tables, func() error { return p.hand(ctx, w, c, yield) })
	if err != nil {
		return err
	}
	w.result.Events = c.fold.Run().Events
	w.result.Rows += c.rows.Len()
	w.next = Checkpoint{
		Mark: stream.Mark(), End: stream.End(), Events: w.result.Events,
		Reducers: projections.Version, Reading: w.source.Reading(), Source: w.source.Name(),
	}
	if w.next.State, err = stateAt(w, c, stream); err != nil {
		return err
	}
	if w.stored && w.next.sameRead(w.known) && !p.options.Force && w.tables == AllTables {
		w.result.Outcome = Unchanged
	}
	if w.more != nil {
		return push(ctx, w, c.take())
	}
	if w.result.Outcome != Unchanged {
		w.bytes, w.rows = c.bytes, c.take()
	}
	return nil
}

// stateAt returns the state in which whoever gets more of the stream goes on.
// Behind a last line without a line feed nobody can.
func stateAt(w *task, c *collector, stream Stream) (string, error) {
	switch {
	case w.next.Mark != w.next.End:
		return "", nil
	case w.tables != AllTables: // the same stream as before
		return w.known.State, nil
	}
	digest, err := stream.Digest()
	if err != nil {
		return "", err
	}
	return saveState(c.fold, digest)
}

// hand hands a batch on, the first one with the work itself, and begins the next one.
func (p *preparer) hand(ctx context.Context, w *task, c *collector, yield *func(*task) bool) error {
	defer c.begin()
	w.result.Rows += c.rows.Len()
	if p.options.DryRun {
		recycle(c.take())
		return nil
	}
	if w.more != nil {
		return push(ctx, w, c.take())
	}
	w.rows, w.more = c.take(), make(chan *Rows, 1)
	if !(*yield)(w) {
		return context.Canceled
	}
	return nil
}

func push(ctx context.Context, w *task, rows *Rows) error {
	select {
	case w.more <- rows:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
