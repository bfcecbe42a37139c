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
	property("rows of a run that is continued are added and replaced, and nothing else", continued),
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

// continued has rows of a run that is there replaced, and others added.
func continued(t *trial) error {
	now, other := t.content(t.run("a")), t.content(t.run("b"))
	before := &content{id: now.id, row: some(t.runRow(now.id)), checkpoint: some(t.checkpoint())}
	before.jobs = now.jobs[:t.upTo(len(now.jobs), "jobs before")]
	before.timings = now.timings[:len(before.jobs)]
	before.shEvents = now.shEvents[:t.upTo(len(now.shEvents), "sh before")]
	before.diagnostics = now.diagnostics[:t.upTo(len(now.diagnostics), "diagnostics before")]
	if err := t.write(before, other); err != nil {
		return err
	}
	changed, _ := t.changed(before)
	stored := store.Stored{Run: true, Jobs: len(before.jobs), ShEvents: len(before.shEvents)}
	written := &content{id: now.id, row: now.row}
	written.jobs = append(differing(changed.jobs, before.jobs), now.jobs[stored.Jobs:]...)
	written.timings = append(differing(changed.timings, before.timings), now.timings[stored.Jobs:]...)
	written.shEvents = append(differing(changed.shEvents, before.shEvents), now.shEvents[stored.ShEvents:]...)
	written.diagnostics = now.diagnostics[len(before.diagnostics):]
	err := t.update([]domain.RunID{now.id}, func(tx store.Tx) error {
		for _, batch := range t.batches(written) {
			batch.Stored = stored
			if err := tx.Insert(batch); err != nil {
				return err
			}
			spoil(batch)
		}
		return tx.SetCheckpoint(now.id, now.checkpoint.V)
	})
	if err != nil {
		return err
	}
	now.jobs, now.timings = append(changed.jobs, now.jobs[stored.Jobs:]...), append(changed.timings, now.timings[stored.Jobs:]...)
	now.shEvents = append(changed.shEvents, now.shEvents[stored.ShEvents:]...)
	return t.holds(now, other)
}

// changed returns a content of which some rows are new versions, and those.
func (t *trial) changed(c *content) (*content, *store.Rows) {
	now := *c
	now.row, now.checkpoint = some(t.runRow(c.id)), some(t.checkpoint())
	now.jobs, now.timings, now.shEvents = slices.Clone(c.jobs), slices.Clone(c.timings), slices.Clone(c.shEvents)
	for i := range now.jobs {
		if id := now.jobs[i].Value.JobID; t.flip("another job") {
			now.jobs[i].Value = t.job(id)
		}
	}
	for i := range now.timings {
		if id := now.timings[i].Value.JobID; now.timings[i].Index >= 0 && t.flip("another timing") {
			now.timings[i].Value = t.jobTiming(id)
		}
	}
	for i := range now.shEvents {
		if sh := &now.shEvents[i].Value; t.flip("another sh") {
			sh.FinishedAtMs, sh.ExitCode = some(t.ms("finished")), some(t.code("exit"))
		}
	}
	return &now, &store.Rows{
		RunID: c.id, Run: now.row, Stored: store.Stored{Run: true, Jobs: lastIndex(c.jobs), ShEvents: lastIndex(c.shEvents)},
		Jobs: differing(now.jobs, c.jobs), Timings: differing(now.timings, c.timings), ShEvents: differing(now.shEvents, c.shEvents),
	}
}

func lastIndex[R comparable](rows []projections.Row[R]) (n int) {
	for _, row := range rows {
		n = max(n, row.Index+1)
	}
	return n
}

// differing returns the rows that others does not have.
func differing[R comparable](rows, others []R) []R {
	return slices.DeleteFunc(slices.Clone(rows), func(row R) bool { return slices.Contains(others, row) })
}

// putBack removes rows and inserts the same ones again, in one transaction.
func putBack(t *trial) error {
	c := t.content(t.run("a"))
	if err := t.write(c); err != nil {
		return err
	}
	runs, tables := []domain.RunID{c.id}, t.tables()
	left := *c
	left.jobs, left.timings = slices.Clone(c.jobs), slices.Clone(c.timings)
	left.shEvents = slices.Clone(c.shEvents)
	err := t.update(runs, func(tx store.Tx) error {
		left.clear(tables)
		if err := tx.Clear(runs, tables); err != nil {
			return err
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
