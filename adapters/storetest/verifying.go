package storetest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

var verifyLaws = []law{
	property("Verify finds nothing in what was ingested", findsNothing),
	property("Verify finds the row that was changed", findsOne(store.Differs, (*trial).changeOne)),
	property("Verify finds the row that was removed", findsOne(store.Missing, (*trial).removeOne)),
	property("Verify finds the row that was added", findsOne(store.Extra, (*trial).addOne)),
	property("Verify finds rows that were swapped", findsMoved),
	property("Verify finds nothing in rows that have lost their checkpoint", findsNoCheckpoint),
	property("Verify finds that a run is not stored", findsMissingRun),
	property("Verify finds rows that are behind their stream, and no wrong ones", findsBehind),
	property("Verify finds a changed row of a stream that has grown", findsChangedAndBehind),
	property("Verify tells whether a rebuild repairs what it finds", findsWhatMends),
	property("Verify returns an error for rows that cannot be read", verifyFails),
}

// verify returns the differences that Verify finds.
func (t *trial) verify(s store.Store, all ...*recording) ([]store.Difference, error) {
	var found []store.Difference
	counted := 0
	err := store.Verify(t.ctx, s, recordings(all), store.VerifyOptions{
		Found: func(d store.Difference) { found = append(found, d) },
		Done: func(v store.Verified) {
			counted += v.Differences
			if v.Behind {
				counted++
			}
			if v.Err != nil {
				counted = -1
			}
		},
	})
	if err == nil && counted != len(found) {
		return found, fmt.Errorf("store.Verify counts %d differences, and has found %d", counted, len(found))
	}
	return found, err
}

func findsNothing(t *trial) {
	now, before := t.versions(3)
	for _, r := range slices.Concat(before, now) {
		value(store.Ingest(t.ctx, t.store, r, store.Options{}))
	}
	must(errors.Join(t.agree(now...), t.finds(now)))
}

// finds returns an error if Verify finds other differences than these.
func (t *trial) finds(all recordings, want ...store.Difference) error {
	got, err := t.verify(t.store, all...)
	if err != nil {
		return err
	}
	if !slices.EqualFunc(got, want, sameDifference) {
		return fmt.Errorf("store.Verify finds\n%s, not\n%s", show(got), show(want))
	}
	return nil
}

func sameDifference(a, b store.Difference) bool {
	return a.Kind == b.Kind && a.RunID == b.RunID && a.Table == b.Table && slices.Equal(a.Key, b.Key) && a.Column == b.Column
}

// tampered stores a recording, and then its content as change leaves it. The checkpoint stays.
func (t *trial) tampered(change func(*content)) *recording {
	r := record(t.run("a"), slices.Concat(longStream(1), t.stream("stream"), []byte("\n{}\n")))
	c := r.derived()
	change(c)
	must(t.write(c))
	return r
}

// findsOne tampers with a row, which Verify must name.
func findsOne(kind store.Kind, change func(*trial, *content) store.Difference) func(*trial) {
	return func(t *trial) {
		var want store.Difference
		r := t.tampered(func(c *content) { want = change(t, c) })
		want.RunID, want.Kind = r.run, kind
		must(t.finds(recordings{r}, want))
	}
}

// oneRow draws a row of a content, from a table that meets the condition.
func (t *trial) oneRow(c *content, is func(definition) bool) (of definition, index int) {
	tables := slices.DeleteFunc(slices.Clone(t.of), func(of definition) bool { return c.of(of).Len() == 0 || !is(of) })
	of = pick(t, "table", tables...)
	return of, t.upTo(c.of(of).Len()-1, "row")
}

// tamperedRow returns the difference that names a tampered row.
func tamperedRow(of definition, row anyRow) store.Difference {
	return store.Difference{Table: of.Table, Key: keyOf(of, row)}
}

// changeOne changes one column of one row, or whether it is final, or the checkpoint.
func (t *trial) changeOne(c *content) store.Difference {
	if t.upTo(5, "the checkpoint") == 0 {
		c.checkpoint.V.Events++
		return store.Difference{Table: "checkpoints", Column: "events"}
	}
	of, i := t.oneRow(c, func(definition) bool { return true })
	d := tamperedRow(of, c.of(of).At(i))
	at := t.upTo(len(of.Columns), "column")
	if at == len(of.Columns) || of.Columns[at].Key && of.Columns[at].Type != projections.Text {
		d.Column = "final"
		c.tables[of] = rowsOtherwise(of, c.of(of), i, func(row *anyRow) { row.Final = !row.Final })
		return d
	}
	change(&of.Columns[at], c.of(of).At(i).Value)
	d.Column = of.Columns[at].Name
	return d
}

// rowsOtherwise returns copies of rows, with one row changed.
func rowsOtherwise(of definition, rows projections.Rows, index int, change func(*anyRow)) projections.Rows {
	others := of.NewRows()
	for i := range rows.Len() {
		row := rows.At(i)
		if i == index {
			change(&row)
		}
		others.Add(row)
	}
	return others
}

// older returns a list of versions for a checkpoint whose rows lack a projection, or have an older
// version of it.
func (t *trial) older() string {
	versions := strings.Fields(projections.ID(t.of))
	i := t.upTo(len(versions)-1, "older")
	if t.of[i].Version == 1 || t.flip("none") {
		versions = slices.Delete(versions, i, i+1)
	} else {
		versions[i] = fmt.Sprintf("%s@%d", t.of[i].Name, t.of[i].Version-1)
	}
	return strings.Join(versions, " ")
}

// removeOne removes one row.
func (t *trial) removeOne(c *content) store.Difference {
	of, i := t.oneRow(c, func(definition) bool { return true })
	d := tamperedRow(of, c.of(of).At(i))
	c.tables[of] = rowsWhere(of, c.of(of), func(row anyRow) bool { return row.Index != i })
	return d
}

// addOne appends a row.
func (t *trial) addOne(c *content) store.Difference {
	of := pick(t, "table", slices.DeleteFunc(slices.Clone(t.of), func(of definition) bool { return of.Single })...)
	row := c.add(of, t.flip("final"))
	t.fill(of, row, func(*projections.Column) bool { return true })
	for _, key := range of.Keys() {
		if key.Type == projections.Text && key.Values == nil {
			set(key, row, "nobody's")
		} else if key.Type == projections.Int {
			set(key, row, int64(math.MaxInt32))
		}
	}
	return tamperedRow(of, c.of(of).At(c.of(of).Len()-1))
}

// findsMoved swaps two neighbouring rows.
func findsMoved(t *trial) {
	var of definition
	var keys []store.Key
	r := t.tampered(func(c *content) {
		table, i := t.oneRow(c, func(of definition) bool { return c.of(of).Len() > 1 })
		i = max(i, 1)
		of = table
		one, other := c.of(of).At(i-1), c.of(of).At(i)
		keys = []store.Key{keyOf(of, one), keyOf(of, other)}
		moved := of.NewRows()
		for j := range c.of(of).Len() {
			switch row := c.of(of).At(j); j {
			case i - 1:
				moved.Add(anyRow{Index: j, Final: row.Final, Value: other.Value})
			case i:
				moved.Add(anyRow{Index: j, Final: row.Final, Value: one.Value})
			default:
				moved.Add(row)
			}
		}
		c.tables[of] = moved
	})
	found := value(t.verify(t.store, r))
	for _, d := range found {
		failIf(d.Table != of.Table || !slices.Equal(d.Key, keys[0]) && !slices.Equal(d.Key, keys[1]), "store.Verify finds %s, which is as it was", show(d))
	}
	failIf(len(found) == 0, "store.Verify finds nothing")
}

// findsNoCheckpoint has correct rows without a checkpoint, which nobody could rely on.
func findsNoCheckpoint(t *trial) {
	r := t.tampered(func(c *content) {
		c.checkpoint.Valid = false
	})
	must(t.finds(recordings{r}))
}

// findsMissingRun checks that a missing run is reported once, and not for each of its rows.
func findsMissingRun(t *trial) {
	there, missing := record(t.run("a"), t.stream("stream")), record(t.run("b"), t.stream("stream"))
	t.ingest(there, nil)
	must(t.finds(recordings{there, missing}, store.Difference{Kind: store.Behind, RunID: missing.run, Table: "runs"}))
}

// verifyFails ends a sequence of rows with an error.
func verifyFails(t *trial) {
	r := record(t.run("a"), longStream(3))
	t.ingest(r, nil)
	_, err := t.verify(&unreliable{t.store, pick(t, "table", t.of...), t.upTo(60, "rows")}, r)
	failIf(!errors.Is(err, errInjected), "store.Verify returns %v, and rows could not be read", err)
}

// unreliable is a store whose sequences of rows of a table end too early.
type unreliable struct {
	store.Store
	of   definition
	rows int
}

func (u *unreliable) View(ctx context.Context, run domain.RunID, do func(store.Snapshot) error) error {
	return u.Store.View(ctx, run, func(snapshot store.Snapshot) error {
		return do(&unreliableSnapshot{snapshot, u})
	})
}

type unreliableSnapshot struct {
	store.Snapshot
	u *unreliable
}

func (s *unreliableSnapshot) Rows(of definition) iter.Seq2[anyRow, error] {
	if of != s.u.of {
		return s.Snapshot.Rows(of)
	}
	return func(yield func(anyRow, error) bool) {
		left := s.u.rows
		for row, err := range s.Snapshot.Rows(of) {
			if left--; left < 0 {
				break
			}
			if !yield(row, err) {
				return
			}
		}
		yield(anyRow{}, errInjected)
	}
}
