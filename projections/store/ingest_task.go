package store

import (
	"context"
	"errors"
	"slices"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// task is one run on its way from its stream into the store.
type task struct {
	change
	source Source
	result Result
	added  Outcome // of a run that is not stored
	keeps  bool    // the store keeps streams

	first *Rows // nil if nothing is to be written
	bytes int   // of text and of the stream in first
	// more has the rows after first; nil if there are none. When it is closed, next is set, and
	// failed is the reason if the stream could not be folded to its end.
	more   chan *Rows
	failed error
	stop   context.CancelFunc // ends the fold
}

func newTask(c runToRead, stop context.CancelFunc) *task {
	t := &task{source: c.source, stop: stop, added: Added}
	switch {
	case c.stored:
		t.source = c.source.As(c.known.ReadOptions)
	case c.liked:
		t.source, t.added = c.source.As(c.like.ReadOptions), Derived
	}
	t.run, t.known, t.stored, t.rows = t.source.Run(), c.known, c.stored, t.batches
	t.keeps = c.keeps
	t.overwrite = t.source.Once() // it cannot be read again to match what is stored now
	t.result = Result{RunID: t.run, Source: t.source.Name()}
	if c.stored && c.known.Source != t.source.Name() {
		t.result.Before = c.known.Source
	}
	return t
}

// batches yields the rows. The caller must not store the rows of a stream that turns out to be
// unreadable or unchanged.
func (t *task) batches(yield func(*Rows, error) bool) {
	if t.more == nil {
		yield(t.first, nil)
		return
	}
	for rows := t.first; rows != nil; rows = <-t.more {
		t.first = nil
		ok := yield(rows, nil)
		recycle(rows)
		if !ok {
			return
		}
	}
	if t.failed != nil || t.result.Outcome == Unchanged {
		yield(nil, errRollback)
	}
}

// conclude makes the result of what commit has done.
func (t *task) conclude(ctx context.Context) {
	if t.err != nil || t.stale {
		t.end() // the fold changes the result until it ends
	}
	var refused *RefusedError
	switch {
	case errors.As(t.err, &refused):
		t.err = nil
		t.skip(refused)
	case t.err != nil && ctx.Err() != nil:
		t.err = ctx.Err()
	case t.err != nil, t.stale, t.failed == nil:
	case ctx.Err() != nil:
		t.err = ctx.Err()
	case errors.Is(t.failed, errRewritten): // since it was compared
		t.stale = true
	default:
		t.skip(t.failed)
	}
}

// skip makes err the reason why the stream is skipped.
func (t *task) skip(err error) {
	t.result.Outcome, t.result.Rows, t.result.Err = Skipped, 0, err
}

// end frees what the task holds, and ends its fold.
func (t *task) end() {
	t.stop()
	if t.first != nil {
		recycle(t.first)
		t.first = nil
	}
	if t.more != nil {
		for rows := range t.more {
			recycle(rows)
		}
	}
}

// prepare yields the task for a run once its first rows are there, and continues folding
// until all rows are taken. It only reads.
func (p *pipeline) prepare(ctx context.Context, c runToRead, yield func(*task) bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	t, err := newTask(c, cancel), c.err
	if err == nil {
		err = p.derive(ctx, t, yield)
	}
	if t.more != nil { // the task was yielded, and ends
		t.failed = err
		close(t.more)
		return
	}
	if err != nil {
		t.skip(err)
	}
	yield(t)
}

// derive decides what to do for a run, and does it.
func (p *pipeline) derive(ctx context.Context, t *task, yield func(*task) bool) error {
	if err := CheckRunID(t.run); err != nil {
		return &SourceError{t.source.Name(), err}
	}
	missing := projections.Missing(p.of, projections.Versions(t.known.Projections))
	fold := func(outcome Outcome, known domain.Mark, tables []*projections.Definition, continues bool) error {
		t.result.Outcome, t.result.Rows = outcome, 0
		f := &streamFold{collector: newCollector(t.run, p.of, tables), ctx: ctx, options: &p.options, task: t, yield: yield}
		return f.run(known, continues)
	}
	usable := t.stored && len(missing) < len(p.of) && t.known.ReadOptions == t.source.ReadOptions()
	kept := t.known.Kept || !t.keeps
	same := false
	if usable && !p.options.Force {
		var err error
		if same, err = t.source.Ends(ctx, t.known.End); err != nil {
			return err
		}
	}
	var err error
	switch {
	case !t.stored:
		err = fold(t.added, domain.Mark{}, p.of, false)
	case same && kept && len(missing) == 0 && p.wantsAll():
		t.result.Outcome, t.result.Events = Unchanged, t.known.Events
	case same && kept: // the rows of other projections are up to date
		err = fold(Derived, t.known.End, p.union(missing), false)
	case !usable || !kept || len(missing) > 0 || p.options.Force:
		err = fold(Derived, t.known.Mark, p.of, false) // finds out if it is another stream
	default: // rows that came from a last line without a line feed may not last
		err = fold(Continued, t.known.Mark, p.of, t.known.Mark == t.known.End && !t.source.Once())
	}
	if errors.Is(err, errRewritten) && t.more == nil {
		err = fold(Rewritten, domain.Mark{}, p.of, false)
	}
	return err
}

// wantsAll reports whether all tables are asked for.
func (p *pipeline) wantsAll() bool {
	return p.options.Tables == nil || len(p.options.Tables) == len(p.of)
}

// union returns the tables that are missing and, where some are asked for, those too.
func (p *pipeline) union(missing []*projections.Definition) (tables []*projections.Definition) {
	for _, d := range p.of {
		if slices.Contains(missing, d) || slices.Contains(p.options.Tables, d) {
			tables = append(tables, d)
		}
	}
	return tables
}
