package store

import (
	"context"

	"github.com/quire-ci/quire-project/projections"
)

// runComparison compares one run with a snapshot of the store.
type runComparison struct {
	tables   Tables
	source   Source
	snapshot Snapshot
	verified *Verified
	report   func(Difference)

	checkpoint Checkpoint
	stored     bool // that there is a checkpoint
	row        Run
	hasRow     bool
}

// run reads what is stored before it opens the stream, so that a writer who is beside
// it can only be ahead of the rows. The first error is the stream's, the second the store's.
func (c *runComparison) run(ctx context.Context) (failed, err error) {
	if c.checkpoint, c.stored, err = c.snapshot.Checkpoint(); err != nil {
		return nil, err
	}
	if c.row, c.hasRow, err = c.snapshot.Run(); err != nil {
		return nil, err
	}
	if c.stored && c.checkpoint.Reducers > projections.Version {
		return &SourceError{c.source.Name(), &ReducersError{c.checkpoint.Reducers}}, nil
	}
	stream, failed := c.open(ctx)
	if failed != nil {
		return failed, nil
	}
	defer stream.Close()
	return c.compare(stream)
}

// open opens the stream as it was when the rows were derived from it.
func (c *runComparison) open(ctx context.Context) (Stream, error) {
	if c.stored {
		c.source = c.source.As(c.checkpoint.Reading)
		return c.source.OpenUntil(ctx, c.checkpoint.End)
	}
	return c.source.Open(ctx, c.checkpoint.End)
}

func (c *runComparison) compare(stream Stream) (failed, err error) {
	t := newTables(c.tables, c.snapshot, c.differs)
	defer t.stop()
	nothing := !c.stored && !c.hasRow && t.empty()
	t.silent = nothing
	fold := t.fold(c.source.Run())
	if failed := fold.Drain(stream); failed != nil {
		return failed, nil
	}
	fold.Open()
	switch {
	case nothing:
		c.behind(Difference{Table: "runs", Derived: t.run})
	case c.tables.Has(TableRuns):
		compareRow("runs", c.row, c.hasRow, t.run, c.differs)
	}
	if err := t.end(); err != nil || !c.stored {
		return nil, err
	}
	now := Checkpoint{
		Mark: stream.Mark(), End: stream.End(), Events: fold.Run().Events,
		Reducers: projections.Version, Reading: c.source.Reading(),
	}
	c.origin(now, stream.More())
	return nil, nil
}

// origin compares where the rows came from with where rows would come from now.
func (c *runComparison) origin(now Checkpoint, more bool) {
	if c.verified.Differences == 0 { // which would say more
		compareRow("checkpoints", provenanceOf(c.checkpoint), true, provenanceOf(now), c.differs)
	}
	known := c.checkpoint
	readOn := !more || known.Mark == known.End // else an ingest begins anew
	c.verified.Force = c.verified.Differences > 0 && readOn && !c.source.Once() &&
		known.End == now.End && known.Reducers == now.Reducers && known.Reading == now.Reading
	if more {
		c.behind(Difference{Table: "checkpoints", Column: "end_bytes", Stored: known.End.Bytes})
	}
}

func (c *runComparison) differs(d Difference) {
	c.verified.Differences++
	c.report(d)
}

func (c *runComparison) behind(d Difference) {
	d.Kind, c.verified.Behind = Behind, true
	c.report(d)
}
