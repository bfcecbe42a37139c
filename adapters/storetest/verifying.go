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
	rarely(anyTampering, findsTampering),
	property("Verify finds rows that were swapped", findsMoved),
	property("Verify finds rows that are behind their stream, and no wrong ones", findsBehind),
	property("Verify returns an error for rows that cannot be read", verifyFails),
}

const anyTampering = "Verify finds exactly what was changed, and tells what repairs it"

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

// findsTampering changes what is stored of a run, and lets its stream grow, or be replaced. It repairs
// what Verify finds in the way that Verify names.
func findsTampering(t *trial) {
	how := pick(t, "how", "not at all", "changed", "changed", "removed", "added", "no checkpoint", "not stored", "older", "read otherwise", "changed, without a checkpoint")
	var want []store.Difference
	var tampered *content
	r := t.tampered(func(c *content) { want, tampered = t.tamper(how, c), c })
	for i := range want {
		want[i].RunID = r.run
	}
	then := pick(t, "then the stream", "stays", "grows", "is another one")
	switch then {
	case "grows":
		r.is(slices.Concat(r.bytes(), longStream(1)))
		if how != "not stored" {
			want = append(want, behind(r))
		}
	case "is another one":
		r.is(slices.Concat([]byte("\n"), r.bytes()))
	}
	rowsAreRight := how == "not at all" || how == "no checkpoint"
	switch how {
	case "older", "read otherwise": // all is derived again
	case "changed, without a checkpoint": // nobody knows what else it was
		rowsAreRight = want[0].Table == "checkpoints" || want[0].Column == "final"
	default:
		if then == "stays" || then == "grows" && how != "no checkpoint" {
			must(t.finds(recordings{r}, want...))
		}
	}
	var found store.Verified
	done := func(v store.Verified) { found = v }
	must(store.Verify(t.ctx, t.store, recordings{r}, store.VerifyOptions{Done: done}))
	failIf(found.Differences == 0 && !found.Behind && !(rowsAreRight && then == "stays"), "store.Verify finds nothing")
	if found.Force && then == "stays" { // a weaker repair must not suffice
		summary := value(store.Rebuild(t.ctx, t.store, recordings{r}, store.Options{}))
		if how != "older" { // a rebuild derives some rows of an older version again
			failIf(summary.Runs[store.Unchanged] != 1, "store.Rebuild counts %v, where only the rows are wrong", summary.Runs)
			must(wrap("rows were derived again, and nobody has asked for it", t.holds(tampered)))
		}
		failIf(t.agree(r) == nil, "store.Verify says that a rebuild has to be forced, and it has not")
		must(t.ingests(r, store.Options{Force: true}, store.Derived))
	}
	must(t.rebuild(r, store.Options{Force: found.Force}))
	must(t.agree(r))
}

// tamper changes the content of a run, and returns what Verify must find if nothing else is changed.
func (t *trial) tamper(how string, c *content) []store.Difference {
	switch how {
	case "removed":
		return []store.Difference{t.removeOne(c)}
	case "added":
		return []store.Difference{t.addOne(c)}
	case "not at all":
		return nil
	case "no checkpoint": // the rows are right, and nobody could rely on it
		c.checkpoint.Valid = false
		return nil
	case "not stored": // which is reported once, and not for each row
		*c = *nothing(c.id)
		return []store.Difference{{Kind: store.Behind, Table: "runs"}}
	}
	changed := t.changeOne(c)
	switch how {
	case "older":
		c.checkpoint.V.Projections = t.older()
	case "read otherwise":
		c.checkpoint.V.ReadOptions = "otherwise"
	case "changed, without a checkpoint":
		c.checkpoint.Valid = false
	}
	return []store.Difference{changed}
}

// oneRow draws a row of a content, from a table that meets the condition.
func (t *trial) oneRow(c *content, is func(definition) bool) (of definition, index int) {
	tables := slices.DeleteFunc(slices.Clone(t.of), func(of definition) bool { return c.of(of).Len() == 0 || !is(of) })
	of = pick(t, "table", tables...)
	return of, t.upTo(c.of(of).Len()-1, "row")
}

// changeOne changes one column of one row, or whether it is final, or the checkpoint.
func (t *trial) changeOne(c *content) store.Difference {
	if t.upTo(5, "the checkpoint") == 0 {
		c.checkpoint.V.Events++
		return store.Difference{Kind: store.Differs, Table: "checkpoints", Column: "events"}
	}
	of, i := t.oneRow(c, func(definition) bool { return true })
	d := store.Difference{Kind: store.Differs, Table: of.Table, Key: keyOf(of, c.of(of).At(i))}
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
	d := store.Difference{Kind: store.Missing, Table: of.Table, Key: keyOf(of, c.of(of).At(i))}
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
	return store.Difference{Kind: store.Extra, Table: of.Table, Key: keyOf(of, c.of(of).At(c.of(of).Len()-1))}
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

// behind returns the difference that Verify must find for a run whose stream has grown.
func behind(r *recording) store.Difference {
	return store.Difference{Kind: store.Behind, RunID: r.run, Table: "checkpoints", Column: "end_bytes"}
}

// findsBehind cuts a stream anywhere, also within a line, as a reader sees it while its writer is
// writing.
func findsBehind(t *trial) {
	data := slices.Concat(t.stream("stream"), longStream(1), t.stream("rest"))
	cut := t.upTo(len(data), "bytes that are read")
	r := record(t.run("a"), data[:cut])
	r.vague = t.flip("vague")
	t.ingest(r, nil)
	must(t.finds(recordings{r}))
	r.is(data)
	if cut == len(data) {
		must(t.finds(recordings{r}))
		return
	}
	must(t.finds(recordings{r}, behind(r)))
}

func (t *trial) rebuild(r *recording, options store.Options) error {
	_, err := store.Rebuild(t.ctx, t.store, recordings{r}, options)
	return err
}
