package store

import (
	"iter"
	"maps"
	"slices"

	"github.com/quire-ci/quire-project/projections"
)

// comparison compares the rows of one table as they become final with those
// that are stored, which come in order. What it holds are the stored rows that
// were passed and whose derived ones are still open.
type comparison[R comparable] struct {
	table  string
	key    func(index int, row R) Key
	report func(Difference)

	next func() (projections.Row[R], error, bool)
	quit func()
	held map[int]R
	last int // index of the latest stored row
	done bool
	err  error
}

func compare[R comparable](table string, stored iter.Seq2[projections.Row[R], error], key func(int, R) Key, report func(Difference)) *comparison[R] {
	c := &comparison[R]{table: table, key: key, report: report, held: map[int]R{}, last: -1}
	c.next, c.quit = iter.Pull2(stored)
	return c
}

// take compares a row that is final, or will not change any more.
func (c *comparison[R]) take(row *projections.Row[R]) {
	for c.last < row.Index && c.pull() {
	}
	stored, ok := c.held[row.Index]
	if !ok {
		if c.err == nil {
			c.report(Difference{Kind: Missing, Table: c.table, Key: c.key(row.Index, row.Value), Derived: row.Value})
		}
		return
	}
	delete(c.held, row.Index)
	if stored != row.Value {
		c.columns(row.Index, stored, row.Value)
	}
}

// pull takes in one more stored row. It returns false when there is none.
func (c *comparison[R]) pull() bool {
	if c.done {
		return false
	}
	row, err, ok := c.next()
	if !ok || err != nil {
		c.done, c.err = true, err
		return false
	}
	if row.Index <= c.last { // the place of another row, or none at all
		c.extra(row.Index, row.Value)
		return true
	}
	c.last = row.Index
	c.held[row.Index] = row.Value
	return true
}

// peek reports whether any row is stored.
func (c *comparison[R]) peek() bool { return c.pull() || c.err != nil }

func (c *comparison[R]) stop() { c.quit() }

func (c *comparison[R]) columns(index int, stored, derived R) {
	had := columns(stored)
	for i, want := range columns(derived) {
		if had[i].value != want.value {
			c.report(Difference{Kind: Differs, Table: c.table, Key: c.key(index, derived), Column: want.name, Stored: had[i].value, Derived: want.value})
		}
	}
}

func (c *comparison[R]) extra(index int, row R) {
	c.report(Difference{Kind: Extra, Table: c.table, Key: c.key(index, row), Stored: row})
}

// end reports the stored rows that were not compared.
func (c *comparison[R]) end() error {
	for c.pull() {
		if len(c.held) > 1000 {
			c.flush()
		}
	}
	c.flush()
	return c.err
}

func (c *comparison[R]) flush() {
	for _, index := range slices.Sorted(maps.Keys(c.held)) {
		c.extra(index, c.held[index])
	}
	clear(c.held)
}
