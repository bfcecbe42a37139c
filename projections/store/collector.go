package store

import (
	"slices"
	"sync"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// collector folds a stream, whole or in segments, and collects the rows for some tables.
type collector struct {
	fold *projections.Fold
	rows *Rows
	// keep says that final rows are collected.
	keep bool
	// provisional says that the fold is at a last line without a line feed. Its effects may
	// not last, so no row is final by it.
	provisional bool
	bytes       int // of text in rows
	most        int // rows in a batch

	of []*projections.Definition // the fold's members
	// continued says that the run is stored, and stored how many rows of each table are.
	continued bool
	stored    []int
	tables    []*projections.Definition // that rows are collected of
	state     string                    // the state with which the fold continues after the whole lines
}

// The size of a batch: the number of its rows, and the bytes of their text.
const (
	batchRows  = 4096
	batchBytes = 4 << 20
)

// newCollector returns a collector that folds the projections of, and collects rows for some
// tables.
func newCollector(run domain.RunID, of, tables []*projections.Definition) *collector {
	c := &collector{most: batchRows, of: of, tables: tables, stored: make([]int, len(of))}
	members := make([]projections.Member, len(of))
	for i, d := range of {
		wanted := slices.Contains(tables, d)
		members[i] = d.Member(func(row projections.AnyRow) {
			if !c.keep || !wanted {
				return
			}
			row.Final = row.Final && !c.provisional
			c.rows.Tables[i].Add(row)
			c.bytes += d.TextBytes(row.Value)
		})
	}
	c.fold = projections.NewFold(run, members...)
	return c
}

// full reports whether there are enough rows for a batch.
func (c *collector) full() bool { return c.bytes >= batchBytes || c.rows.Len() >= c.most }

// begin prepares for collecting rows. A fold that waits for a segment has no memory for them.
func (c *collector) begin() {
	if c.rows == nil {
		c.rows, c.bytes = spareRows(c.of), 0
		c.rows.RunID = c.fold.Run().RunID
		c.setStored()
	}
}

func (c *collector) setStored() {
	c.rows.Continued = c.continued
	for i := range c.rows.Tables {
		c.rows.Tables[i].Stored = c.stored[i]
	}
}

// take returns the collected rows. Call begin before collecting more.
func (c *collector) take() *Rows {
	rows := c.rows
	c.rows = nil
	return rows
}

// openPart is how many jobs and commands a part of the open rows has at most.
const openPart = 1024

// beginTail makes the next entries provisional: they are those of a last line without a line
// feed. digest returns the state of the digest before it.
func (c *collector) beginTail(digest func() ([]byte, error)) error {
	c.count()
	if err := c.save(digest); err != nil {
		return err
	}
	c.provisional = true
	return nil
}

// end collects the rows that are not final at the end of the stream, without those that
// are stored and have not changed. It calls hand whenever there are enough for a batch.
func (c *collector) end(digest func() ([]byte, error), hand func() error) error {
	c.keep = true
	err := c.fold.OpenParts(min(openPart, c.most), func() error {
		if !c.full() {
			return nil
		}
		return hand()
	})
	if err != nil || c.provisional {
		return err
	}
	return c.save(digest) // it has the number of rows, the open ones included
}

// save saves the state.
func (c *collector) save(digest func() ([]byte, error)) error {
	sum, err := digest()
	if err == nil {
		c.state, err = saveState(c.fold, sum)
	}
	return err
}

// checkpoint returns the checkpoint of a fold that has ended.
func (c *collector) checkpoint(mark, end domain.Mark, reading, source string) Checkpoint {
	return Checkpoint{
		Mark: mark, End: end, Events: c.fold.Run().Events, State: c.state,
		Projections: projections.ID(c.of), ReadOptions: reading, Source: source,
	}
}

// count makes the fold count its rows, the open ones included.
func (c *collector) count() {
	keep := c.keep
	c.keep = false
	c.fold.Open()
	c.keep = keep
}

// markStored notes that the store has the rows that the fold has handed out.
func (c *collector) markStored() {
	c.countStored()
	c.fold.Mark()
}

// countStored notes that the store has rows at the indexes of those that the fold has handed out,
// but perhaps with other values.
func (c *collector) countStored() {
	c.continued = true
	for i := range c.stored {
		c.stored[i] = c.fold.Len(i)
	}
	if c.rows != nil {
		c.setStored()
	}
}

// spares has pools of rows for reuse, by the list of their projections.
var spares sync.Map

func spareRows(of []*projections.Definition) *Rows {
	pool, ok := spares.Load(&of[0])
	if !ok {
		pool, _ = spares.LoadOrStore(&of[0], &sync.Pool{})
	}
	if rows, ok := pool.(*sync.Pool).Get().(*Rows); ok {
		return rows
	}
	rows := &Rows{spare: pool.(*sync.Pool)}
	for _, d := range of {
		rows.Tables = append(rows.Tables, TableRows{Of: d, Rows: d.NewRows()})
	}
	return rows
}

// recycle keeps the memory of rows for reuse.
func recycle(rows *Rows) {
	for i := range rows.Tables {
		rows.Tables[i].Reset()
	}
	rows.Stream = nil
	if rows.spare != nil {
		rows.spare.Put(rows)
	}
}
