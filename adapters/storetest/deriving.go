package storetest

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

var deriveLaws = []law{
	property("another way of reading derives the rows again", otherReading),
	property("only the tables that are asked for are derived again", derivedTables),
	property("a dry run writes nothing", dryRun),
}

func otherReading(t *trial) {
	r := record(t.run("a"), t.stream("stream"))
	t.ingest(r, nil)
	r.reading = "otherwise"
	before, want := r.bytes(), store.Derived
	if t.flip("another stream") { // which is reported, as always
		r.is(t.otherThan(before))
		if !bytes.HasPrefix(r.bytes(), before[:wholeLines(before)]) {
			want = store.Rewritten
		}
	}
	must(t.ingests(r, store.Options{}, want))
}

// ingests ingests a recording and returns an error if its outcome or its rows are others.
func (t *trial) ingests(r *recording, options store.Options, want store.Outcome) error {
	result, err := store.Ingest(t.ctx, t.store, r, options)
	if err != nil {
		return err
	}
	if result.Outcome != want {
		return fmt.Errorf("store.Ingest says %q, not %q", result.Outcome, want)
	}
	return t.agree(r)
}

// derivedTables begins with a wrong value in each row of each table.
func derivedTables(t *trial) {
	r := record(t.run("a"), t.stream("stream"))
	right := r.derived()
	want := r.derived()
	want.distort()
	must(t.write(want))
	tables := t.tables()
	if len(tables) == 0 || len(tables) == len(t.of) {
		return
	}
	value(store.Ingest(t.ctx, t.store, r, store.Options{Tables: tables}))
	for _, of := range tables {
		want.tables[of] = right.of(of)
	}
	must(t.holds(want))
}

// distort changes a value in each row, but no key.
func (c *content) distort() {
	for of, rows := range c.tables {
		for i := range of.Columns {
			if column := &of.Columns[i]; !column.Key {
				for j := range rows.Len() {
					change(column, rows.At(j).Value)
				}
				break
			}
		}
	}
}

// change gives a row another value, which no other row has that is not tampered with.
func change(c *projections.Column, row projections.Ref) {
	switch {
	case c.Nullable && c.IsNull(row):
		set(c, row, zeroOf(c))
	case c.Nullable:
		set(c, row, nil)
	case c.Values != nil:
		at := slices.Index(c.Values, c.Text(row))
		set(c, row, c.Values[(at+1)%len(c.Values)])
	case c.Type == projections.Text:
		set(c, row, c.Text(row)+"\x00nobody's")
	case c.Type == projections.Bool:
		set(c, row, !c.Bool(row))
	case c.Int(row) > 0:
		set(c, row, c.Int(row)-1)
	default:
		set(c, row, c.Int(row)+1)
	}
}

func dryRun(t *trial) {
	r := record(t.run("a"), t.stream("stream"))
	before := []byte(nil)
	want := nothing(r.run)
	if t.flip("stored") {
		t.ingest(r, nil)
		before = append([]byte{}, r.bytes()...)
		want = r.derived()
		r.is(t.otherThan(before))
	}
	result := value(store.Ingest(t.ctx, t.store, r, store.Options{DryRun: true}))
	if outcomes := outcomesOf(before, r.bytes()); !slices.Contains(outcomes, result.Outcome) {
		failf("a dry run says %q, not %q", result.Outcome, outcomes)
	}
	must(t.holds(want))
}
