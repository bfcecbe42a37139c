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
	of      []*projections.Definition // that the store keeps
}

// tables are those that are wanted.
func (p *preparer) tables() []*projections.Definition {
	if p.options.Tables == nil {
		return p.of
	}
	return p.options.Tables
}

// prepare yields the work for source, once its first rows are there, and goes
// on folding until all are taken. stored says that the run has a checkpoint.
func (p *preparer) prepare(ctx context.Context, source Source, known Checkpoint, stored bool, yield func(*task) bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if stored {
		source = source.As(known.Reading)
	}
	w := &task{source: source, known: known, stored: stored, tables: p.of, stop: cancel}
	w.result = Result{RunID: source.Run(), Source: source.Name()}
	if stored && known.Source != source.Name() {
		w.result.Before = known.Source
	}
	err := p.fold(ctx, w, &yield)
	if errors.Is(err, errRewritten) && w.more == nil {
		err = p.foldAnew(ctx, w, &yield)
	}
	if w.more != nil { // the work has been yielded, and ends
		w.err = err
		close(w.more)
		return
	}
	if err != nil {
		w.skip(err)
	}
	yield(w)
}

// fold decides what is to be done, and does it.
func (p *preparer) fold(ctx context.Context, w *task, yield *func(*task) bool) error {
	if err := CheckRunID(w.source.Run()); err != nil {
		return &SourceError{w.source.Name(), err}
	}
	missing, err := projections.Missing(p.of, projections.Versions(w.known.Projections))
	if err != nil {
		return &storeError{err}
	}
	current := w.stored && len(missing) < len(p.of) && w.known.Reading == w.source.Reading()
	if current && !p.options.Force {
		same, err := w.source.Ends(ctx, w.known.End)
		if err != nil {
			return err
		}
		if same && len(missing) == 0 && len(p.tables()) == len(p.of) {
			return w.unchanged()
		}
		if same {
			// Rows of other projections are those of the stream already.
			w.tables = p.union(missing)
			w.result.Outcome = Derived
			return p.stream(ctx, w, w.known.End, yield)
		}
	}
	current = current && len(missing) == 0
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
	w.continues, w.tables, w.result.Outcome, w.result.Rows = false, p.of, Rewritten, 0
	return p.stream(ctx, w, domain.Mark{}, yield)
}

// union returns the tables that are missing and, where some are asked for, those too.
func (p *preparer) union(missing []*projections.Definition) (tables []*projections.Definition) {
	for _, d := range p.of {
		if has(missing, d) || p.options.Tables != nil && has(p.options.Tables, d) {
			tables = append(tables, d)
		}
	}
	return tables
}

func (w *task) unchanged() error {
	w.result.Outcome, w.result.Events = Unchanged, w.known.Events
	return nil
}

// stream folds the stream and hands its rows on.
func (p *preparer) stream(ctx context.Context, w *task, known domain.Mark, yield *func(*task) bool) error {
	open, some := w.source.Open, len(w.tables) < len(p.of)
	if some { // those of the others are of the stream as it was, which may have grown since
		open = w.source.OpenUntil
	}
	stream, err := open(ctx, known)
	if err != nil {
		return err
	}
	defer stream.Close()
	c := newCollector(w.source.Run(), p.of, w.tables)
	c.begin()
	c.keep = !w.continues
	f := folding{task: w, collector: c, stream: stream, known: known.Bytes, some: some}
	for {
		entries, err := stream.Next()
		if failed := f.take(entries); failed != nil {
			return failed
		}
		if errors.Is(err, io.EOF) {
			return p.finish(ctx, &f, yield)
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

// folding folds a stream entry by entry. The latest one waits for those behind it: it may
// be of a last line that no line feed ends.
type folding struct {
	*task
	*collector
	stream Stream
	known  int64 // how many bytes were read before
	some   bool  // that rows of other tables stay, which are of what was read before
	passed bool  // that the stream is behind them
	latest []domain.Entry
}

func (f *folding) take(entries []domain.Entry) error {
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

func (f *folding) apply(entries []domain.Entry) error {
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

// end folds what is left at the end of the stream, and returns the state in which whoever
// gets more of it goes on behind its whole lines; none, if that comes later.
func (f *folding) end() (state string, err error) {
	mark := f.stream.Mark()
	torn := mark != f.stream.End()
	var tail []domain.Entry
	if torn && len(f.latest) > 0 && f.latest[0].Offset >= mark.Bytes {
		f.latest, tail = nil, f.latest
	}
	if err := f.apply(f.latest); err != nil {
		return "", err
	}
	if torn {
		f.count()
		if state, err = f.state(); err != nil {
			return "", err
		}
		f.provisional = true
	}
	if err := f.apply(tail); err != nil {
		return "", err
	}
	if !f.passed {
		err = f.pass()
	}
	return state, err
}

func (f *folding) state() (string, error) {
	digest, err := f.stream.Digest()
	if err != nil {
		return "", err
	}
	return saveState(f.fold, digest)
}

// pass is called once what is known of the stream has been folded.
func (f *folding) pass() error {
	f.passed = true
	switch {
	case f.stream.Continues() && f.continues:
		f.count()
		f.isStored()
	case (f.continues || f.some) && !f.stream.Continues():
		return errRewritten
	case !f.stream.Continues():
		f.result.Outcome = Rewritten
	}
	f.keep = true
	return nil
}

// finish collects what is left at the end of the stream.
func (p *preparer) finish(ctx context.Context, f *folding, yield *func(*task) bool) error {
	w, c := f.task, f.collector
	state, err := f.end()
	if err != nil {
		return err
	}
	if err := c.end(func() error { return p.hand(ctx, w, c, yield) }); err != nil {
		return err
	}
	if !c.provisional {
		if state, err = f.state(); err != nil {
			return err
		}
	}
	w.result.Events = c.fold.Run().Events
	w.result.Rows += c.rows.Len()
	w.next = Checkpoint{
		Mark: f.stream.Mark(), End: f.stream.End(), Events: w.result.Events, State: state,
		Projections: projections.ID(p.of), Reading: w.source.Reading(), Source: w.source.Name(),
	}
	if w.stored && w.next.sameRead(w.known) && !p.options.Force && len(w.tables) == len(p.of) {
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
