package store

import (
	"iter"
	"maps"
	"slices"
	"strings"

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
	lost map[Key]R // stored rows without a place, which come first
	last int       // index of the latest stored row
	done bool
	err  error
}

func compare[R comparable](table string, stored iter.Seq2[projections.Row[R], error], key func(int, R) Key, report func(Difference)) *comparison[R] {
	c := &comparison[R]{table: table, key: key, report: report, held: map[int]R{}, lost: map[Key]R{}, last: -1}
	c.next, c.quit = iter.Pull2(stored)
	return c
}

// take compares a row that is final, or will not change any more.
func (c *comparison[R]) take(row *projections.Row[R]) {
	for c.last < row.Index && c.pull() {
	}
	stored, ok := c.claim(row)
	switch {
	case ok && stored != row.Value:
		c.columns(row.Index, stored, row.Value)
	case !ok && c.err == nil:
		c.report(Difference{Kind: Missing, Table: c.table, Key: c.key(row.Index, row.Value), Derived: row.Value})
	}
}

// claim finds the stored row at the place of a derived one or, among those that
// have lost their place, with its key.
func (c *comparison[R]) claim(row *projections.Row[R]) (stored R, ok bool) {
	if stored, ok = c.held[row.Index]; ok {
		delete(c.held, row.Index)
		return stored, true
	}
	key := c.key(row.Index, row.Value)
	stored, ok = c.lost[key]
	delete(c.lost, key)
	return stored, ok
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
	key := c.key(row.Index, row.Value)
	_, twice := c.lost[key]
	switch {
	case row.Index < 0 && !twice:
		c.lost[key] = row.Value
	case row.Index <= c.last: // the place of another row
		c.extra(row.Index, row.Value)
	default:
		c.last = row.Index
		c.held[row.Index] = row.Value
	}
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
	byKey := func(a, b Key) int { return strings.Compare(a.String(), b.String()) }
	for _, key := range slices.SortedFunc(maps.Keys(c.lost), byKey) {
		c.extra(-1, c.lost[key])
	}
	return c.err
}

func (c *comparison[R]) flush() {
	for _, index := range slices.Sorted(maps.Keys(c.held)) {
		c.extra(index, c.held[index])
	}
	clear(c.held)
}
