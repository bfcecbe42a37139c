package store

import (
	"iter"
	"maps"
	"slices"

	"github.com/quire-ci/quire-project/projections"
)

// comparison compares the derived rows of one table, as they become final, with the stored
// rows, which come in order. It keeps the stored rows that it has passed while their derived
// rows are still open.
type comparison struct {
	of     *projections.Definition
	finals bool // it compares which rows are final, too
	report func(Difference)

	next func() (projections.AnyRow, error, bool)
	quit func()
	kept map[int]projections.Rows
	last int // the index of the latest stored row
	done bool
	err  error
}

func compare(of *projections.Definition, stored iter.Seq2[projections.AnyRow, error], finals bool, report func(Difference)) *comparison {
	c := &comparison{of: of, finals: finals, report: report, kept: map[int]projections.Rows{}, last: -1}
	c.next, c.quit = iter.Pull2(stored)
	return c
}

// take compares a row that will not change any more.
func (c *comparison) take(row projections.AnyRow) {
	for c.last < row.Index {
		stored, ok := c.pull()
		switch {
		case !ok:
			c.claim(row)
			return
		case stored.Index == row.Index:
			c.columns(stored, row)
			return
		}
		c.keep(stored)
	}
	c.claim(row)
}

// claim compares a row with the stored one that was kept for it.
func (c *comparison) claim(row projections.AnyRow) {
	stored, ok := c.kept[row.Index]
	switch {
	case ok:
		delete(c.kept, row.Index)
		c.columns(stored.At(0), row)
	case c.err == nil:
		c.differs(Missing, row, "", nil, c.of.Any(row.Value))
	}
}

// pull returns the next stored row, and false if there is none.
func (c *comparison) pull() (projections.AnyRow, bool) {
	for !c.done {
		row, err, ok := c.next()
		switch {
		case !ok || err != nil:
			c.done, c.err = true, err
		case row.Index <= c.last: // another row has this index, or the index is negative
			c.extra(row)
		default:
			c.last = row.Index
			return row, true
		}
	}
	return projections.AnyRow{}, false
}

func (c *comparison) keep(row projections.AnyRow) {
	rows := c.of.NewRows()
	rows.Add(row)
	c.kept[row.Index] = rows
}

// peek reports whether any row is stored.
func (c *comparison) peek() bool {
	row, ok := c.pull()
	if ok {
		c.keep(row)
	}
	return ok || c.err != nil
}

func (c *comparison) columns(stored, derived projections.AnyRow) {
	for i := range c.of.Columns {
		if column := &c.of.Columns[i]; !column.Equal(stored.Value, derived.Value) {
			c.differs(Differs, derived, column.Name, column.Value(stored.Value), column.Value(derived.Value))
		}
	}
	if c.finals && stored.Final != derived.Final {
		c.differs(Differs, derived, "final", stored.Final, derived.Final)
	}
}

func (c *comparison) extra(row projections.AnyRow) {
	c.differs(Extra, row, "", c.of.Any(row.Value), nil)
}

func (c *comparison) differs(kind Kind, row projections.AnyRow, column string, stored, derived any) {
	c.report(Difference{Kind: kind, Table: c.of.Table, Key: keyOf(c.of, row), Column: column, Stored: stored, Derived: derived})
}

// end reports the stored rows that no derived row was compared with.
func (c *comparison) end() error {
	c.flush()
	for row, ok := c.pull(); ok; row, ok = c.pull() {
		c.extra(row)
	}
	return c.err
}

func (c *comparison) flush() {
	for _, index := range slices.Sorted(maps.Keys(c.kept)) {
		c.extra(c.kept[index].At(0))
	}
	clear(c.kept)
}
