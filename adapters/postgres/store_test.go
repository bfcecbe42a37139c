package postgres_test

import (
	"context"
	"errors"
	"testing"

	"github.com/quire-ci/quire-project/adapters/postgres"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// open opens the store in a database, for as long as the test takes.
func open(t testing.TB, address string, opts ...postgres.Option) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(context.Background(), address, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// rowsOf are the rows of a run that has one of each kind, of a job that is
// final, and others of a job that is not.
func rowsOf(run domain.RunID) *store.Rows {
	return &store.Rows{
		RunID: run,
		Run: projections.Some(store.Run{
			Run:       projections.Run{RunID: run, State: projections.Failed, Jobs: 2},
			RunTiming: projections.RunTiming{StartedAtMs: projections.Some[int64](1000)},
		}),
		Jobs: []projections.Row[projections.Job]{
			{Index: 0, Value: projections.Job{JobID: "final", State: projections.Failed, FinishedAtMs: projections.Some[int64](1002)}},
			{Index: 1, Value: projections.Job{JobID: "open", State: projections.Active}},
		},
		ShEvents: []projections.Row[projections.ShEvent]{
			{Index: 0, Value: projections.ShEvent{JobID: "final", Seq: 1, Cmd: "true", StartedAtMs: 1001, FinishedAtMs: projections.Some[int64](1002), ExitCode: projections.Some[int32](1)}},
			{Index: 1, Value: projections.ShEvent{JobID: "open", Seq: 1, Cmd: "sleep 9", StartedAtMs: 1003}},
		},
		Timings: []projections.Row[projections.JobTiming]{
			{Index: 0, Value: projections.JobTiming{JobID: "final", ShCount: 1}},
			{Index: 1, Value: projections.JobTiming{JobID: "open", ShCount: 1}},
		},
		Diagnostics: []projections.Row[projections.Diagnostic]{
			{Index: 0, Value: projections.Diagnostic{Code: projections.OrphanJobFinish, Line: 1, JobID: projections.Some("final")}},
		},
	}
}

var checkpoint = store.Checkpoint{Events: 1, Reducers: projections.Version}

// replace writes rowsOf runs, in the place of what there is of them.
func replace(tx store.Tx, runs ...domain.RunID) error {
	if _, err := tx.Lock(runs); err != nil {
		return err
	}
	if err := tx.Clear(runs, store.AllTables); err != nil {
		return err
	}
	for _, run := range runs {
		if err := errors.Join(tx.Insert(rowsOf(run)), tx.SetCheckpoint(run, checkpoint)); err != nil {
			return err
		}
	}
	return nil
}

// again replaces the rows that put has written and that are not final.
func again(tx store.Tx, runs ...domain.RunID) (err error) {
	for _, run := range runs {
		rows := rowsOf(run)
		rows.Stored = store.Stored{Run: true, Jobs: len(rows.Jobs), ShEvents: len(rows.ShEvents)}
		rows.Jobs, rows.ShEvents, rows.Timings, rows.Diagnostics = rows.Jobs[1:], rows.ShEvents[1:], rows.Timings[1:], nil
		err = errors.Join(err, tx.Insert(rows))
	}
	return err
}

func put(t testing.TB, s store.Store, runs ...domain.RunID) {
	t.Helper()
	if err := s.Update(ctx, func(tx store.Tx) error { return replace(tx, runs...) }); err != nil {
		t.Fatal(err)
	}
}

// expect reads runs and expects what put has written.
func expect(t testing.TB, s store.Store, runs ...domain.RunID) {
	t.Helper()
	for _, run := range runs {
		err := s.View(ctx, run, func(snapshot store.Snapshot) error {
			jobs := 0
			for row, err := range snapshot.Jobs() {
				if err != nil {
					return err
				}
				if want := rowsOf(run).Jobs[jobs]; row != want {
					t.Errorf("run %q: %v, want %v", run, row, want)
				}
				jobs++
			}
			if row, ok, err := snapshot.Run(); err != nil || !ok || row != rowsOf(run).Run.V {
				t.Errorf("run %q: %v %v %v", run, row, ok, err)
			}
			c, ok, err := snapshot.Checkpoint()
			if err == nil && (!ok || c != checkpoint || jobs != 2) {
				t.Errorf("run %q: %d jobs, and the checkpoint %v %v", run, jobs, ok, c)
			}
			return err
		})
		if err != nil {
			t.Errorf("run %q: %v", run, err)
		}
	}
}

// checkUpdate expects that nothing can be written, and why.
func checkUpdate(t testing.TB, s store.Store, want error) {
	t.Helper()
	if err := s.Update(ctx, func(tx store.Tx) error { return replace(tx, "new") }); !errors.Is(err, want) {
		t.Errorf("writing gives %v, want %v", err, want)
	}
}
