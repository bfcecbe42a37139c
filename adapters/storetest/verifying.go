package storetest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

var verifyLaws = []law{
	property("Verify finds nothing in what was ingested", findsNothing),
	property("Verify finds the row that was changed", findsChanged),
	property("Verify finds the row that was removed", findsRemoved),
	property("Verify finds the row that was added", findsAdded),
	property("Verify finds the job that was removed, and what hung on it", findsRemovedJob),
	property("Verify finds rows that have changed places", findsMoved),
	property("Verify finds nothing in rows that have lost their checkpoint", findsNoCheckpoint),
	property("Verify finds that a run is not stored", findsMissingRun),
	property("Verify finds rows that are behind their stream, and none that is wrong", findsBehind),
	property("Verify finds the row that was changed behind which the stream has grown", findsChangedAndBehind),
	property("Verify knows whether a rebuild mends what it finds", findsWhatMends),
	property("Verify takes what cannot be read for an error", verifyFails),
}

// verify returns what Verify finds.
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

func findsNothing(t *trial) error {
	now, before := t.versions(3)
	for i := range now {
		for _, r := range []*recording{before[i], now[i]} {
			if _, err := store.Ingest(t.ctx, t.store, r, store.Options{}); err != nil {
				return err
			}
		}
	}
	return t.finds(now)
}

// finds says where what Verify finds is not what is there to be found.
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
	return a.Kind == b.Kind && a.RunID == b.RunID && a.Table == b.Table && a.Key == b.Key && a.Column == b.Column
}

// tampered stores a recording, and then its content as change leaves it. The
// checkpoint stays.
func (t *trial) tampered(change func(*content) error) (*recording, error) {
	r := record(t.run("a"), slices.Concat(longStream(1), t.stream("stream"), []byte("\n{}\n")))
	c, err := r.derived()
	if err != nil {
		return r, err
	}
	if err := change(c); err != nil {
		return r, err
	}
	return r, t.write(c)
}

func findsChanged(t *trial) error {
	var want store.Difference
	r, err := t.tampered(func(c *content) error {
		want = t.changeOne(c)
		return nil
	})
	if err != nil {
		return err
	}
	want.RunID, want.Kind = r.run, store.Differs
	return t.finds(recordings{r}, want)
}

// changeOne changes one column of one row.
func (t *trial) changeOne(c *content) (d store.Difference) {
	d.Table = pick(t, "table", "runs", "jobs", "sh_events", "timings", "diagnostics", "checkpoints")
	switch d.Table {
	case "runs":
		d.Column = pick(t, "column", "events", "wall_ms")
		if d.Column == "events" {
			c.row.V.Events++
		} else {
			c.row.V.WallMs = changed(c.row.V.WallMs)
		}
	case "jobs":
		row := &c.jobs[t.upTo(len(c.jobs)-1, "row")].Value
		d.Key, d.Column = store.Key{JobID: some(row.JobID)}, "exit_code"
		row.ExitCode = changed(row.ExitCode)
	case "sh_events":
		row := &c.shEvents[t.upTo(len(c.shEvents)-1, "row")].Value
		d.Key, d.Column = store.Key{JobID: some(row.JobID), Seq: row.Seq}, "cmd"
		row.Cmd += "\x00"
	case "timings":
		row := &c.timings[t.upTo(len(c.timings)-1, "row")].Value
		d.Key, d.Column = store.Key{JobID: some(row.JobID)}, "gap_ms"
		row.GapMs = changed(row.GapMs)
	case "diagnostics":
		row := &c.diagnostics[t.upTo(len(c.diagnostics)-1, "row")]
		d.Key, d.Column = store.Key{Position: row.Index + 1}, "line"
		row.Value.Line++
	case "checkpoints":
		c.checkpoint.V.Events++
		d.Column = "events"
	}
	return d
}

// changed returns another value: 0 for null, and null for any other.
func changed[T comparable](v projections.Null[T]) projections.Null[T] {
	return projections.Null[T]{Valid: !v.Valid}
}

func findsRemoved(t *trial) error {
	var want store.Difference
	r, err := t.tampered(func(c *content) error {
		want = t.removeOne(c)
		return nil
	})
	if err != nil {
		return err
	}
	want.RunID, want.Kind = r.run, store.Missing
	return t.finds(recordings{r}, want)
}

// removeOne removes one row, but no job, without which its timing has no place.
func (t *trial) removeOne(c *content) (d store.Difference) {
	d.Table = pick(t, "table", "runs", "sh_events", "timings", "diagnostics")
	switch d.Table {
	case "runs":
		c.row.Valid = false
	case "sh_events":
		i := t.upTo(len(c.shEvents)-1, "row")
		d.Key = store.Key{JobID: some(c.shEvents[i].Value.JobID), Seq: c.shEvents[i].Value.Seq}
		c.shEvents = slices.Delete(c.shEvents, i, i+1)
	case "timings":
		i := t.upTo(len(c.timings)-1, "row")
		d.Key = store.Key{JobID: some(c.timings[i].Value.JobID)}
		c.timings = slices.Delete(c.timings, i, i+1)
	case "diagnostics":
		i := t.upTo(len(c.diagnostics)-1, "row")
		d.Key = store.Key{Position: c.diagnostics[i].Index + 1}
		c.diagnostics = slices.Delete(c.diagnostics, i, i+1)
	}
	return d
}

func findsAdded(t *trial) error {
	var want store.Difference
	r, err := t.tampered(func(c *content) error {
		want = t.addOne(c)
		return nil
	})
	if err != nil {
		return err
	}
	want.RunID, want.Kind = r.run, store.Extra
	return t.finds(recordings{r}, want)
}

// addOne adds a row behind the others.
func (t *trial) addOne(c *content) (d store.Difference) {
	const id = "nobody's"
	d.Table = pick(t, "table", "jobs", "sh_events", "timings", "diagnostics")
	switch d.Table {
	case "jobs":
		d.Key = store.Key{JobID: some(id)}
		c.jobs = append(c.jobs, job{Index: len(c.jobs), Value: projections.Job{JobID: id, State: projections.Active}})
	case "sh_events":
		d.Key = store.Key{JobID: some(id), Seq: 3}
		c.shEvents = append(c.shEvents, shEvent{Index: len(c.shEvents), Value: projections.ShEvent{JobID: id, Seq: 3}})
	case "timings":
		d.Key = store.Key{JobID: some(id)}
		c.timings = append(c.timings, jobTiming{Index: len(c.timings), Value: projections.JobTiming{JobID: id}})
	case "diagnostics":
		d.Key = store.Key{Position: len(c.diagnostics) + 1}
		c.diagnostics = append(c.diagnostics, diagnostic{Index: len(c.diagnostics), Value: projections.Diagnostic{Code: projections.TornTail, Line: 1}})
	}
	return d
}

// findsRemovedJob removes a job, and leaves its timing.
func findsRemovedJob(t *trial) error {
	var id string
	r, err := t.tampered(func(c *content) error {
		i := t.upTo(len(c.jobs)-1, "row")
		id = c.jobs[i].Value.JobID
		c.jobs = slices.Delete(c.jobs, i, i+1)
		return nil
	})
	if err != nil {
		return err
	}
	found, err := t.verify(t.store, r)
	if err != nil {
		return err
	}
	removed := store.Difference{Kind: store.Missing, RunID: r.run, Table: "jobs", Key: store.Key{JobID: some(id)}}
	told := false
	for _, d := range found {
		told = told || sameDifference(d, removed)
		if d.Key.JobID != some(id) {
			return fmt.Errorf("store.Verify finds %s, which is as it was", show(d))
		}
	}
	if !told {
		return fmt.Errorf("store.Verify finds %s, but not that the job %s is missing", show(found), show(id))
	}
	return nil
}

// findsMoved lets two commands change places.
func findsMoved(t *trial) error {
	var one, other store.Key
	r, err := t.tampered(func(c *content) error {
		i := t.upTo(len(c.shEvents)-2, "row")
		a, b := &c.shEvents[i], &c.shEvents[i+1]
		one, other = store.Key{JobID: some(a.Value.JobID), Seq: a.Value.Seq}, store.Key{JobID: some(b.Value.JobID), Seq: b.Value.Seq}
		a.Value, b.Value = b.Value, a.Value
		return nil
	})
	if err != nil {
		return err
	}
	found, err := t.verify(t.store, r)
	if err != nil {
		return err
	}
	for _, d := range found {
		if d.Table != "sh_events" || d.Key != one && d.Key != other {
			return fmt.Errorf("store.Verify finds %s, which is as it was", show(d))
		}
	}
	if len(found) == 0 {
		return errors.New("store.Verify finds nothing")
	}
	return nil
}

// findsNoCheckpoint has rows that are right, though nobody could rely on them.
func findsNoCheckpoint(t *trial) error {
	r, err := t.tampered(func(c *content) error {
		c.checkpoint.Valid = false
		return nil
	})
	if err != nil {
		return err
	}
	return t.finds(recordings{r})
}

// findsMissingRun says so once, and not for each of its rows.
func findsMissingRun(t *trial) error {
	there, missing := record(t.run("a"), t.stream("stream")), record(t.run("b"), t.stream("stream"))
	if err := t.ingest(there, nil); err != nil {
		return err
	}
	return t.finds(recordings{there, missing}, store.Difference{Kind: store.Behind, RunID: missing.run, Table: "runs"})
}

// verifyFails lets a sequence of rows end with an error.
func verifyFails(t *trial) error {
	r := record(t.run("a"), longStream(3))
	if err := t.ingest(r, nil); err != nil {
		return err
	}
	_, err := t.verify(&unreliable{t.store, t.upTo(60, "rows")}, r)
	if !errors.Is(err, errInjected) {
		return fmt.Errorf("store.Verify returns %v, and rows could not be read", err)
	}
	return nil
}

// unreliable is a store whose sequences of commands end too early.
type unreliable struct {
	store.Store
	rows int
}

func (u *unreliable) View(ctx context.Context, run domain.RunID, do func(store.Snapshot) error) error {
	return u.Store.View(ctx, run, func(snapshot store.Snapshot) error {
		return do(&unreliableSnapshot{snapshot, u.rows})
	})
}

type unreliableSnapshot struct {
	store.Snapshot
	rows int
}

func (u *unreliableSnapshot) ShEvents() iter.Seq2[shEvent, error] {
	return func(yield func(shEvent, error) bool) {
		left := u.rows
		for row, err := range u.Snapshot.ShEvents() {
			if left--; left < 0 {
				break
			}
			if !yield(row, err) {
				return
			}
		}
		yield(shEvent{}, errInjected)
	}
}
