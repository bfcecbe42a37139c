package storetest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

var rowLaws = []law{
	property("rows are read back as they were inserted", readBack),
	property("rows that are replaced are gone", replaced),
	example("null is neither 0 nor empty", nullIsNothingElse),
	example("any text is kept", anyTextIsKept),
	example("long texts are kept", longTextsAreKept),
	example("the largest numbers are kept", extremesAreKept),
	example("a run without rows is a run", emptyRun),
	thorough("a large run is kept", largeRun),
	example("a row that is there is not inserted again", insertedTwice),
}

// readBack inserts runs in one transaction, in batches that are overwritten as
// soon as Insert has returned.
func readBack(t *trial) error {
	contents := t.contents(3)
	runs := idsOf(contents)
	err := t.update(runs, func(tx store.Tx) error {
		if err := tx.Clear(runs, store.AllTables); err != nil {
			return err
		}
		for _, c := range contents {
			for _, batch := range t.batches(c) {
				if err := tx.Insert(batch); err != nil {
					return err
				}
				spoil(batch)
			}
			if err := tx.SetCheckpoint(c.id, c.checkpoint.V); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return t.holds(contents...)
}

// spoil overwrites rows that are their caller's again.
func spoil(rows *store.Rows) {
	for i := range rows.Jobs {
		rows.Jobs[i] = job{Index: -7, Value: projections.Job{JobID: "spoilt"}}
	}
	for i := range rows.ShEvents {
		rows.ShEvents[i] = shEvent{Index: -7, Value: projections.ShEvent{JobID: "spoilt"}}
	}
	for i := range rows.Timings {
		rows.Timings[i] = jobTiming{Index: -7, Value: projections.JobTiming{JobID: "spoilt"}}
	}
	for i := range rows.Diagnostics {
		rows.Diagnostics[i] = diagnostic{Index: -7, Value: projections.Diagnostic{Code: "spoilt"}}
	}
	*rows = store.Rows{RunID: "spoilt"}
}

func replaced(t *trial) error {
	before, other := t.content(t.run("a")), t.content(t.run("b"))
	if err := t.write(before, other); err != nil {
		return err
	}
	now := t.content(before.id)
	if err := t.write(now); err != nil {
		return err
	}
	return t.holds(now, other)
}

func nullIsNothingElse(t *trial) error {
	null, zero := plain(t.run("null")), plain(t.run("zero"))
	null.row.V.RunTiming = projections.RunTiming{}
	zero.row.V.RunTiming = projections.RunTiming{
		StartedAtMs: some[int64](0), LastAtMs: some[int64](0), WallMs: some[int64](0), BusyMs: some[int64](0), JobMs: some[int64](0),
	}
	null.jobs = []job{{Value: projections.Job{State: projections.Active}}}
	zero.jobs = []job{{Value: projections.Job{
		State: projections.Complete, StartedAtMs: some[int64](0), FinishedAtMs: some[int64](0), ExitCode: some[int32](0),
	}}}
	null.shEvents = []shEvent{{Value: projections.ShEvent{Seq: 1}}}
	zero.shEvents = []shEvent{{Value: projections.ShEvent{Seq: 1, FinishedAtMs: some[int64](0), ExitCode: some[int32](0)}}}
	null.timings = []jobTiming{{}}
	zero.timings = []jobTiming{{Value: projections.JobTiming{
		OffsetMs: some[int64](0), DurationMs: some[int64](0), ShMs: some[int64](0), GapMs: some[int64](0),
	}}}
	null.diagnostics = []diagnostic{{Value: projections.Diagnostic{Code: projections.UnknownType, Line: 1}}}
	zero.diagnostics = []diagnostic{{Value: projections.Diagnostic{Code: projections.UnknownType, Line: 1, JobID: some("")}}}
	if err := t.write(null, zero); err != nil {
		return err
	}
	return t.holds(null, zero)
}

// plain returns the content of a run that has no jobs.
func plain(run domain.RunID) *content {
	return &content{
		id:  run,
		row: some(store.Run{Run: projections.Run{RunID: run, State: projections.Active}}),
		checkpoint: some(store.Checkpoint{
			Mark: domain.StartMark, End: domain.StartMark, Reducers: projections.Version, Reading: "plain", Source: "nowhere",
		}),
	}
}

// emptyRun is what a stream without a line gives.
func emptyRun(t *trial) error {
	c := plain(t.run("empty"))
	if err := t.write(c); err != nil {
		return err
	}
	return t.holds(c)
}

// largeRun writes rows in the sizes that a long stream comes in.
func largeRun(t *trial) error {
	const jobs, shPerJob, batchJobs = 2000, 10, 400
	c := plain(t.run("large"))
	for i := range jobs {
		id := fmt.Sprintf("job-%d", i)
		c.jobs = append(c.jobs, job{Index: i, Value: projections.Job{JobID: id, State: projections.Complete, FinishedAtMs: some(int64(i))}})
		c.timings = append(c.timings, jobTiming{Index: i, Value: projections.JobTiming{JobID: id, ShCount: shPerJob}})
		c.diagnostics = append(c.diagnostics, diagnostic{Index: i, Value: projections.Diagnostic{Code: projections.UnknownType, Line: int64(i) + 1}})
		for j := range shPerJob {
			c.shEvents = append(c.shEvents, shEvent{Index: i*shPerJob + j, Value: projections.ShEvent{JobID: id, Seq: j + 1, Cmd: strings.Repeat("x", i%500)}})
		}
	}
	runs := []domain.RunID{c.id}
	err := t.update(runs, func(tx store.Tx) error {
		if err := tx.Clear(runs, store.AllTables); err != nil {
			return err
		}
		for from := 0; from < jobs; from += batchJobs {
			to := from + batchJobs
			batch := &store.Rows{
				RunID: c.id, Jobs: c.jobs[from:to], Timings: c.timings[from:to],
				Diagnostics: c.diagnostics[from:to], ShEvents: c.shEvents[from*shPerJob : to*shPerJob],
			}
			if to == jobs {
				batch.Run = c.row
			}
			if err := tx.Insert(batch); err != nil {
				return err
			}
		}
		return tx.SetCheckpoint(c.id, c.checkpoint.V)
	})
	if err != nil {
		return err
	}
	return t.holds(c)
}

// insertedTwice inserts a row of each table once more. That is an error, at
// the latest when the transaction commits, and none that a caller could take for
// one of the rows that it wrote.
func insertedTwice(t *trial) error {
	c := plain(t.run("twice"))
	addText(c, 0, "a")
	if err := t.write(c); err != nil {
		return err
	}
	runs := []domain.RunID{c.id}
	for table, rows := range map[string]*store.Rows{
		"runs":        {RunID: c.id, Run: c.row},
		"jobs":        {RunID: c.id, Jobs: c.jobs},
		"sh_events":   {RunID: c.id, ShEvents: c.shEvents},
		"timings":     {RunID: c.id, Timings: c.timings},
		"diagnostics": {RunID: c.id, Diagnostics: c.diagnostics},
	} {
		err := t.update(runs, func(tx store.Tx) error {
			if err := tx.Clear(runs, 0); err != nil {
				return err
			}
			return tx.Insert(rows)
		})
		if err == nil {
			return errors.New(table + ": a row that is there was inserted again")
		}
		if err := t.holds(c); err != nil {
			return fmt.Errorf("after a row of %s could not be inserted again: %w", table, err)
		}
	}
	return nil
}
