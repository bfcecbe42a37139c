package storetest

import (
	"slices"

	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

var clearLaws = []law{
	property("Clear removes the rows in its tables and nothing else", clearRemoves),
	property("rows of a run that is continued are added and replaced, and nothing else", continued),
	property("Truncate removes the last rows of a table and nothing else", truncated),
	property("rows can be put back where others were removed", putBack),
	example("runs of similar names are not mixed up", similarNames),
}

// some draws some of the contents.
func (t *trial) some(contents []*content) []*content {
	n := t.upTo(len(contents), "some")
	return rapid.Permutation(contents).Draw(t.draw, "which")[:n]
}

func clearRemoves(t *trial) {
	contents := t.contents(3)
	must(t.write(contents...))
	cleared, tables := t.some(contents), t.tables()
	must(t.update(idsOf(contents), func(tx store.Tx) { must(tx.Clear(idsOf(cleared), tables)) }))
	for _, c := range cleared {
		*c = *c.without(tables...)
	}
	must(t.holds(contents...))
}

// split returns the content without some of its last rows, and those.
func (t *trial) split(c *content) (first, last *content) {
	lengths := map[definition]int{}
	for _, of := range t.of {
		lengths[of] = t.upTo(c.of(of).Len(), "rows of "+of.Table)
	}
	first = c.where(func(of definition, row anyRow) bool { return row.Index < lengths[of] })
	return first, c.where(func(of definition, row anyRow) bool { return row.Index >= lengths[of] })
}

// join returns the content with the rows of another one behind its own.
func (c *content) join(last *content) *content {
	all := c.clone()
	for of := range last.tables {
		for i := range last.of(of).Len() {
			all.list(of).Add(last.of(of).At(i))
		}
	}
	return all
}

// continued has rows of a run that is there replaced, and others added.
func continued(t *trial) {
	before, added := t.split(t.content(t.run("a")))
	other := t.content(t.run("b"))
	must(t.write(before, other))
	changed, versions := t.changed(before)
	must(t.update([]domain.RunID{before.id}, func(tx store.Tx) {
		must(insertAll(tx, t.batches(versions.join(added).rows(before))))
		must(tx.SetCheckpoint(before.id, changed.checkpoint.V))
	}))
	must(t.holds(changed.join(added), other))
}

// truncated removes rows and puts others in their places: some that were there before, and
// some that came in the same transaction.
func truncated(t *trial) {
	c, other := t.content(t.run("a")), t.content(t.run("b"))
	must(t.write(c, other))
	must(t.update([]domain.RunID{c.id}, func(tx store.Tx) {
		for range 1 + t.upTo(1, "again") {
			c, _ = t.split(c)
			stored := c
			for _, of := range t.of {
				must(tx.Truncate(c.id, of, c.of(of).Len()))
			}
			c = c.clone()
			for _, of := range t.of {
				t.addRows(c, of, t.upTo(2, "more"))
			}
			added := c.where(func(of definition, row anyRow) bool { return row.Index >= stored.of(of).Len() })
			must(insertAll(tx, t.batches(added.rows(stored))))
		}
		must(tx.SetCheckpoint(c.id, c.checkpoint.V))
	}))
	must(t.holds(c, other))
}

// putBack removes rows and inserts the same ones again, in one transaction.
func putBack(t *trial) {
	c := t.content(t.run("a"))
	must(t.write(c))
	runs, tables := []domain.RunID{c.id}, t.tables()
	must(t.update(runs, func(tx store.Tx) {
		must(tx.Clear(runs, tables))
		back := c.where(func(of definition, _ anyRow) bool { return slices.Contains(tables, of) })
		must(tx.Insert(back.rows(nil)))
		must(tx.SetCheckpoint(c.id, c.checkpoint.V))
	}))
	must(t.holds(c))
}

// similarNames has runs whose ids a careless comparison takes for one.
func similarNames(t *trial) {
	var contents []*content
	for _, name := range []string{"a", "A", "a ", " a", "a%", "_", "%", "á", "a\u0301", "a\u200b", "ａ", "aa"} {
		c := t.plain(t.run(name))
		t.addText(c, name)
		contents = append(contents, c)
	}
	must(t.write(contents...))
	for _, c := range contents {
		runs := []domain.RunID{c.id}
		must(t.update(runs, func(tx store.Tx) { must(tx.Clear(runs, t.of)) }))
		*c = *nothing(c.id)
		must(t.holds(contents...))
	}
}
