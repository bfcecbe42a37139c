package storetest

import (
	"fmt"
	"math"
	"strings"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

var rowLaws = []law{
	example("null is neither 0 nor empty", nullIsNothingElse),
	example("any text is kept", anyTextIsKept),
	thorough("long texts are kept", longTextsAreKept),
	example("the largest numbers are kept", extremesAreKept),
	example("a run without rows is a run", emptyRun),
	thorough("a large run is kept", largeRun),
	example("an existing row cannot be inserted again", insertedTwice),
}

// insertAll inserts batches, and overwrites their memory, which belongs to the caller again.
func insertAll(tx store.Tx, batches []*store.Rows) error {
	for _, batch := range batches {
		if err := tx.Insert(batch); err != nil {
			return err
		}
		spoil(batch)
	}
	return nil
}

// spoil overwrites the memory of rows.
func spoil(rows *store.Rows) {
	for _, t := range rows.Tables {
		n := t.Rows.Len()
		t.Reset()
		for range n {
			ref := t.New(-7, false)
			for i := range t.Of.Columns {
				if c := &t.Of.Columns[i]; c.Type == projections.Text {
					set(c, ref, "spoilt")
				}
			}
		}
	}
	*rows = store.Rows{RunID: "spoilt"}
}

func nullIsNothingElse(t *trial) {
	null, zero := t.plain(t.run("null")), t.plain(t.run("zero"))
	null.tables, zero.tables = nothing("").tables, nothing("").tables
	for _, of := range t.of {
		null.add(of, false)
		row := zero.add(of, false)
		for i := range of.Columns {
			if c := &of.Columns[i]; c.Nullable {
				set(c, row, zeroOf(c))
			}
		}
	}
	must(t.write(null, zero))
	must(t.holds(null, zero))
}

// zeroOf returns the value of a column that is most easily confused with null.
func zeroOf(c *projections.Column) any {
	switch {
	case c.Values != nil:
		return c.Values[0]
	case c.Type == projections.Text:
		return ""
	case c.Type == projections.Bool:
		return false
	}
	return int64(0)
}

// emptyRun checks the run of a stream without lines.
func emptyRun(t *trial) {
	c := t.plain(t.run("empty"))
	must(t.write(c))
	must(t.holds(c))
}

// anyTextIsKept writes all odd texts in one run, where they must not be confused, and uses each in
// the id of a run.
func anyTextIsKept(t *trial) {
	all := t.plain(t.run("all"))
	contents := []*content{all}
	for _, text := range oddTexts {
		t.addText(all, text)
		all.checkpoint.V.ReadOptions, all.checkpoint.V.Source = text, text
		if !mayNameRun(text) {
			continue
		}
		named := t.plain(t.run(text))
		named.checkpoint.V.ReadOptions, named.checkpoint.V.Source = text, text
		contents = append(contents, named)
	}
	must(t.write(contents...))
	must(t.holds(contents...))
}

// mayNameRun reports whether a text can be the end of a run's id, which cannot contain a null byte.
func mayNameRun(text string) bool {
	return store.CheckRunID(domain.RunID("a"+text)) == nil && !strings.ContainsRune(text, 0)
}

// longTextsAreKept has keys that are too long for an index, and differ only at their ends.
func longTextsAreKept(t *trial) {
	const longest = 512 // the longest id that [store.CheckRunID] accepts
	c := t.plain(t.run(longText(longest-len(t.prefix), 1)))
	other := t.plain(t.run(longText(longest-len(t.prefix), 2)))
	for _, bytes := range []int{500, 2000, 3000, 9000, 70_000, 300_000} {
		t.addText(c, longText(bytes, 1))
		t.addText(c, longText(bytes, 2))
	}
	t.addText(c, strings.Repeat("é√\n", 1<<18))
	t.addText(c, strings.Repeat("\x00\xff", 1<<16))
	must(t.write(c, other))
	must(t.holds(c, other))
}

// extremesAreKept writes one number wherever possible.
func extremesAreKept(t *trial) {
	var contents []*content
	for _, number := range []int64{math.MinInt64, math.MinInt64 + 1, math.MinInt32, -1, math.MaxInt32, 1 << 53, 1<<53 + 1, math.MaxInt64 - 1, math.MaxInt64} {
		c := t.plain(t.run(fmt.Sprint(number)))
		c.tables = nothing("").tables
		for _, of := range t.of {
			row := c.add(of, number > 0)
			for i := range of.Columns {
				switch column := &of.Columns[i]; {
				case column.Bits == 32:
					set(column, row, min(max(number, math.MinInt32), math.MaxInt32))
				case column.Bits == 64:
					set(column, row, number)
				case column.Type == projections.Bool:
					set(column, row, number > 0)
				case column.Values != nil:
					set(column, row, column.Values[len(column.Values)-1])
				}
			}
		}
		count := max(number, 0)
		c.checkpoint.V.Mark.Bytes, c.checkpoint.V.Mark.Lines, c.checkpoint.V.Events = count, count, count
		c.checkpoint.V.End.Bytes, c.checkpoint.V.End.Lines = count, count
		contents = append(contents, c)
	}
	must(t.write(contents...))
	must(t.holds(contents...))
}

// largeRun writes rows in the sizes of batches of a long stream.
func largeRun(t *trial) {
	const rows, batch = 5000, 1000
	c := t.plain(t.run("large"))
	for i := range rows {
		t.addText(c, fmt.Sprint(i, strings.Repeat("x", i%100)))
	}
	runs := []domain.RunID{c.id}
	must(t.update(runs, func(tx store.Tx) {
		must(tx.Clear(runs, t.of))
		for from := 0; from < rows; from += batch {
			part := c.where(func(_ definition, row anyRow) bool { return from <= row.Index && row.Index < from+batch })
			must(tx.Insert(part.rows(nil)))
		}
		must(tx.SetCheckpoint(c.id, c.checkpoint.V))
	}))
	must(t.holds(c))
}

// insertedTwice inserts a row of each table again. That must be an error, at the latest at the
// commit; it must not look like a temporary error.
func insertedTwice(t *trial) {
	c := t.plain(t.run("twice"))
	t.addText(c, "a")
	must(t.write(c))
	runs := []domain.RunID{c.id}
	for _, of := range t.of {
		again := c.without().where(func(table definition, _ anyRow) bool { return table == of })
		if again.of(of).Len() == 0 {
			continue
		}
		err := t.update(runs, func(tx store.Tx) {
			must(tx.Clear(runs, nil))
			must(tx.Insert(again.rows(nil)))
		})
		failIf(err == nil, "%s: a row that is there was inserted again", of.Table)
		must(wrap(fmt.Sprintf("after a row of %s could not be inserted again", of.Table), t.holds(c)))
	}
}
