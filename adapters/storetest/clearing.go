package storetest

import (
	"slices"

	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

var clearLaws = []law{
	property("Clear removes the rows in its tables and nothing else", clearRemoves),
	property("Reopen removes what was open and nothing else", reopenRemoves),
	property("rows can be put back where others were removed", putBack),
	example("runs of similar names are not mixed up", similarNames),
}

var allTables = []store.Tables{
	store.TableRuns, store.TableJobs, store.TableShEvents, store.TableTimings, store.TableDiagnostics,
}

// tables draws some tables.
func (t *trial) tables() store.Tables {
	var tables store.Tables
	for _, table := range allTables {
		if t.flip("table") {
			tables |= table
		}
	}
	return tables
}

// some draws some of the contents.
func (t *trial) some(contents []*content) []*content {
	n := t.upTo(len(contents), "some")
	return rapid.Permutation(contents).Draw(t.draw, "which")[:n]
}

func clearRemoves(t *trial) error {
	contents := t.contents(3)
	if err := t.write(contents...); err != nil {
		return err
	}
	cleared, tables := t.some(contents), t.tables()
	err := t.update(idsOf(contents), func(tx store.Tx) error { return tx.Clear(idsOf(cleared), tables) })
	if err != nil {
		return err
	}
	for _, c := range cleared {
		c.clear(tables)
	}
	return t.holds(contents...)
}

// clear is what Clear has to do.
func (c *content) clear(tables store.Tables) {
	c.checkpoint = projections.Null[store.Checkpoint]{}
	if tables.Has(store.TableRuns) {
		c.row = projections.Null[store.Run]{}
	}
	if tables.Has(store.TableJobs) {
		c.jobs = nil
		for i := range c.timings {
			c.timings[i].Index = -1
		}
	}
	if tables.Has(store.TableShEvents) {
		c.shEvents = nil
	}
	if tables.Has(store.TableTimings) {
		c.timings = nil
	}
	if tables.Has(store.TableDiagnostics) {
		c.diagnostics = nil
	}
}

func reopenRemoves(t *trial) error {
	contents := t.contents(3)
	if err := t.write(contents...); err != nil {
		return err
	}
	reopened := t.some(contents)
	err := t.update(idsOf(contents), func(tx store.Tx) error { return tx.Reopen(idsOf(reopened)) })
	if err != nil {
		return err
	}
	for _, c := range reopened {
		c.reopen()
	}
	return t.holds(contents...)
}

// reopen is what Reopen has to do.
func (c *content) reopen() {
	c.checkpoint, c.row = projections.Null[store.Checkpoint]{}, projections.Null[store.Run]{}
	open := map[string]bool{}
	for _, row := range c.jobs {
		open[row.Value.JobID] = !row.Value.FinishedAtMs.Valid
	}
	c.jobs = slices.DeleteFunc(c.jobs, func(row job) bool { return open[row.Value.JobID] })
	c.timings = slices.DeleteFunc(c.timings, func(row jobTiming) bool { return open[row.Value.JobID] })
	c.shEvents = slices.DeleteFunc(c.shEvents, func(row shEvent) bool { return !row.Value.FinishedAtMs.Valid })
}

// putBack removes rows and inserts the same ones again, in one transaction:
// what a store does when a stream has grown.
func putBack(t *trial) error {
	c := t.content(t.run("a"))
	if err := t.write(c); err != nil {
		return err
	}
	runs, tables, reopen := []domain.RunID{c.id}, t.tables(), t.flip("reopen")
	left := *c
	left.jobs, left.timings = slices.Clone(c.jobs), slices.Clone(c.timings)
	left.shEvents = slices.Clone(c.shEvents)
	err := t.update(runs, func(tx store.Tx) error {
		if reopen {
			left.reopen()
			if err := tx.Reopen(runs); err != nil {
				return err
			}
		} else {
			left.clear(tables)
			if err := tx.Clear(runs, tables); err != nil {
				return err
			}
		}
		if err := tx.Insert(c.without(&left)); err != nil {
			return err
		}
		return tx.SetCheckpoint(c.id, c.checkpoint.V)
	})
	if err != nil {
		return err
	}
	return t.holds(c)
}

// without returns the rows that others does not have.
func (c *content) without(others *content) *store.Rows {
	rows := c.rows()
	if others.row.Valid {
		rows.Run = projections.Null[store.Run]{}
	}
	rows.Jobs = missing(c.jobs, others.jobs, func(row job) string { return row.Value.JobID })
	rows.Timings = missing(c.timings, others.timings, func(row jobTiming) string { return row.Value.JobID })
	rows.ShEvents = missing(c.shEvents, others.shEvents, func(row shEvent) int { return row.Index })
	rows.Diagnostics = missing(c.diagnostics, others.diagnostics, func(row diagnostic) int { return row.Index })
	return rows
}

func missing[R any, K comparable](rows, others []R, key func(R) K) []R {
	there := map[K]bool{}
	for _, row := range others {
		there[key(row)] = true
	}
	return slices.DeleteFunc(slices.Clone(rows), func(row R) bool { return there[key(row)] })
}

// similarNames has runs whose ids a careless comparison takes for one.
func similarNames(t *trial) error {
	var contents []*content
	for _, name := range []string{"a", "A", "a ", " a", "a%", "_", "%", "á", "a\u0301", "a\u200b", "ａ", "aa"} {
		c := plain(t.run(name))
		addText(c, 0, name)
		contents = append(contents, c)
	}
	if err := t.write(contents...); err != nil {
		return err
	}
	for _, c := range contents {
		runs := []domain.RunID{c.id}
		if err := t.update(runs, func(tx store.Tx) error { return tx.Clear(runs, store.AllTables) }); err != nil {
			return err
		}
		*c = content{id: c.id}
		if err := t.holds(contents...); err != nil {
			return err
		}
	}
	return nil
}
