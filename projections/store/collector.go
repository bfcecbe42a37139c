package store

import (
	"sync"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// collector folds a stream and collects the rows for some tables.
type collector struct {
	fold *projections.Fold
	rows *Rows
	// keep says that rows that become final are wanted.
	keep  bool
	bytes int // of text in rows
	// stored is what the store has of the run.
	stored Stored

	run Run
}

// A batch of rows is handed on when it has so many rows, or text of so many bytes.
const (
	batchRows  = 4096
	batchBytes = 4 << 20
)

func newCollector(run domain.RunID, tables Tables) *collector {
	c := &collector{}
	var members []projections.Member
	if tables.Has(TableRuns) {
		members = append(members,
			projections.Into(projections.Runs(), func(row *projections.Row[projections.Run]) { c.run.Run = row.Value }),
			projections.Into(projections.RunTimings(), func(row *projections.Row[projections.RunTiming]) { c.run.RunTiming = row.Value }))
	}
	if tables.Has(TableJobs) {
		members = append(members, projections.Into(projections.Jobs(), func(row *projections.Row[projections.Job]) {
			if c.keep {
				c.rows.Jobs = append(c.rows.Jobs, *row)
				c.bytes += len(row.Value.JobID)
			}
		}))
	}
	if tables.Has(TableShEvents) {
		members = append(members, projections.Into(projections.ShEvents(), func(row *projections.Row[projections.ShEvent]) {
			if c.keep {
				c.rows.ShEvents = append(c.rows.ShEvents, *row)
				c.bytes += len(row.Value.JobID) + len(row.Value.Cmd)
			}
		}))
	}
	if tables.Has(TableTimings) {
		members = append(members, projections.Into(projections.JobTimings(), func(row *projections.Row[projections.JobTiming]) {
			if c.keep {
				c.rows.Timings = append(c.rows.Timings, *row)
				c.bytes += len(row.Value.JobID)
			}
		}))
	}
	if tables.Has(TableDiagnostics) {
		members = append(members, projections.Into(projections.Diagnostics(), func(row *projections.Row[projections.Diagnostic]) {
			if c.keep {
				c.rows.Diagnostics = append(c.rows.Diagnostics, *row)
				c.bytes += len(row.Value.JobID.V)
			}
		}))
	}
	c.fold = projections.NewFold(run, members...)
	return c
}

// full reports whether the rows are enough for a batch.
func (c *collector) full() bool { return c.rows.Len() >= batchRows || c.bytes >= batchBytes }

// begin gets the memory for rows that are to be collected. While a fold waits
// for more of its stream, it has none.
func (c *collector) begin() {
	if c.rows == nil {
		c.rows, c.bytes = spare.Get().(*Rows), 0
		c.rows.RunID, c.rows.Stored = c.fold.Run().RunID, c.stored
	}
}

// take returns the rows that have been collected; before more are, there is to
// be another begin.
func (c *collector) take() *Rows {
	rows := c.rows
	c.rows = nil
	return rows
}

// end collects the rows that are not final at the end of the stream, less those that
// are stored and have not changed. It calls hand whenever there are enough for a batch.
func (c *collector) end(tables Tables, hand func() error) error {
	c.keep = true
	err := c.fold.OpenParts(func() error {
		if !c.full() {
			return nil
		}
		return hand()
	})
	if tables.Has(TableRuns) {
		c.rows.Run = projections.Some(c.run)
	}
	return err
}

// isStored has the rows of the fold be taken for stored.
func (c *collector) isStored() {
	run := c.fold.Run()
	c.stored = Stored{Run: true, Jobs: run.JobCount(), ShEvents: run.ShStarted}
	if c.rows != nil {
		c.rows.Stored = c.stored
	}
	c.fold.Mark()
}

// spare are rows that nobody needs any more.
var spare = sync.Pool{New: func() any { return &Rows{} }}

func recycle(rows *Rows) {
	rows.reset()
	spare.Put(rows)
}
