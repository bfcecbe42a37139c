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
	example("any value is kept", anyValueIsKept),
	thorough("long texts are kept", longTextsAreKept),
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

// zeroOf returns the value of a column that is most easily confused with null.
func zeroOf(c *projections.Column) any { return oddValues(c)[0] }

// oddValues are values of a column that a database may confuse or change.
func oddValues(c *projections.Column) (values []any) {
	switch {
	case c.Values != nil:
		values = anySlice(c.Values)
	case c.Type == projections.Text:
		values = anySlice(oddTexts)
	case c.Type == projections.Bool:
		values = []any{false, true}
	case c.Bits == 32:
		values = []any{int64(0), int64(math.MinInt32), int64(-1), int64(math.MaxInt32)}
	default:
		values = []any{int64(0), int64(math.MinInt64), int64(math.MinInt64 + 1), int64(-1), int64(1 << 53), int64(1<<53 + 1), int64(math.MaxInt64 - 1), int64(math.MaxInt64)}
	}
	if c.Nullable {
		values = append(values, nil)
	}
	return values
}

func anySlice[T any](values []T) (anys []any) {
	for _, v := range values {
		anys = append(anys, v)
	}
	return anys
}

// anyValueIsKept writes all odd values in one run, where they must not be confused, and each of them
// in a run of its own, with an odd text in its id.
func anyValueIsKept(t *trial) {
	all := t.plain(t.run("all"))
	contents := []*content{all}
	for i, text := range oddTexts {
		name := text
		if !mayNameRun(text) {
			name = fmt.Sprint("run ", i)
		}
		own := t.plain(t.run(name))
		own.tables = nothing("").tables
		for _, of := range t.of {
			rows := []projections.Ref{own.add(of, i%2 == 0)}
			if !of.Single {
				rows = append(rows, all.add(of, i%2 == 0))
			}
			for _, row := range rows {
				for j := range of.Columns {
					values := oddValues(&of.Columns[j])
					set(&of.Columns[j], row, values[i%len(values)])
				}
			}
		}
		own.checkpoint.V.ReadOptions, own.checkpoint.V.Source, own.checkpoint.V.State = text, text, text
		if i < 2 {
			count := int64(math.MaxInt64 - i)
			own.checkpoint.V.Mark.Bytes, own.checkpoint.V.Mark.Lines, own.checkpoint.V.Events = count, count, count
			own.checkpoint.V.End.Bytes, own.checkpoint.V.End.Lines = count, count
		}
		contents = append(contents, own)
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
