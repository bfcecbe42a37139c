package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/postgres"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// open opens the store in a database for a test.
func open(t testing.TB, address string, opts ...postgres.Option) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(context.Background(), address, opts...)
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

// rowsOf returns the rows of a run with one row of each kind for a final job, and others
// for an open job.
func rowsOf(run domain.RunID) *store.Rows {
	return &store.Rows{RunID: run, Tables: []store.TableRows{
		store.RowsOf(projections.RunTable, projections.Row[store.Run]{Value: store.Run{
			Run:       projections.Run{RunID: run, State: projections.Failed, Jobs: 2},
			RunTiming: projections.RunTiming{StartedAtMs: projections.Some[int64](1000)},
		}}),
		store.RowsOf(projections.LabelRows, projections.Row[projections.Label]{Final: true, Value: projections.Label{Key: "branch", Value: "main"}}),
		store.RowsOf(projections.Jobs,
			projections.Row[projections.Job]{Index: 0, Final: true, Value: projections.Job{JobID: "final", State: projections.Failed, FinishedAtMs: projections.Some[int64](1002)}},
			projections.Row[projections.Job]{Index: 1, Value: projections.Job{JobID: "open", State: projections.Active}},
		),
		store.RowsOf(projections.ShEvents,
			projections.Row[projections.ShEvent]{Index: 0, Final: true, Value: projections.ShEvent{JobID: "final", Seq: 1, Cmd: "true", StartedAtMs: 1001, FinishedAtMs: projections.Some[int64](1002), ExitCode: projections.Some[int32](1)}},
			projections.Row[projections.ShEvent]{Index: 1, Value: projections.ShEvent{JobID: "open", Seq: 1, Cmd: "sleep 9", StartedAtMs: 1003}},
		),
		store.RowsOf(projections.JobTimings,
			projections.Row[projections.JobTiming]{Index: 0, Final: true, Value: projections.JobTiming{JobID: "final", ShCount: 1}},
			projections.Row[projections.JobTiming]{Index: 1, Value: projections.JobTiming{JobID: "open", ShCount: 1}},
		),
		store.RowsOf(projections.Diagnostics, projections.Row[projections.Diagnostic]{Final: true, Value: projections.Diagnostic{Code: projections.OrphanJobFinish, Line: 1, JobID: projections.Some("final")}}),
	}}
}

var checkpoint = store.Checkpoint{Events: 1, Projections: projections.ID(projections.Builtin.Stored())}

// replace replaces runs with rowsOf them.
func replace(tx store.Tx, runs ...domain.RunID) error {
	if _, err := tx.Lock(runs); err != nil {
		return err
	}
	if err := tx.Clear(runs, projections.Builtin.Stored()); err != nil {
		return err
	}
	for _, run := range runs {
		if err := errors.Join(tx.Insert(rowsOf(run)), tx.SetCheckpoint(run, checkpoint)); err != nil {
			return err
		}
	}
	return nil
}

// again replaces the rows of put that are not final.
func again(tx store.Tx, runs ...domain.RunID) (err error) {
	for _, run := range runs {
		rows := &store.Rows{RunID: run, Continued: true}
		for _, stored := range rowsOf(run).Tables {
			open := store.TableRows{Of: stored.Of, Rows: stored.Of.NewRows(), Stored: stored.Len()}
			for i := range stored.Len() {
				if row := stored.At(i); !row.Final {
					open.Add(row)
				}
			}
			rows.Tables = append(rows.Tables, open)
		}
		err = errors.Join(err, tx.Insert(rows))
	}
	return err
}

func put(t testing.TB, s store.Store, runs ...domain.RunID) {
	t.Helper()
	require.NoError(t, s.Update(ctx, func(tx store.Tx) error { return replace(tx, runs...) }))
}

// expect checks that runs have the rows of put.
func expect(t testing.TB, s store.Store, runs ...domain.RunID) {
	t.Helper()
	for _, run := range runs {
		err := s.View(ctx, run, func(snapshot store.Snapshot) error {
			c, ok, err := snapshot.Checkpoint()
			if err == nil && (!ok || c != checkpoint) {
				t.Errorf("run %q: the checkpoint %v %v", run, ok, c)
			}
			return errors.Join(err, sameRows(snapshot, rowsOf(run)))
		})
		assert.NoError(t, err, "run %q", run)
	}
}

// sameRows checks the rows of tables.
func sameRows(snapshot store.Snapshot, want *store.Rows) (all error) {
	for _, table := range want.Tables {
		n := 0
		for row, err := range snapshot.Rows(table.Of) {
			if err != nil {
				return err
			}
			if n >= table.Len() || !sameRow(table.Of, row, table.At(n)) {
				all = errors.Join(all, fmt.Errorf("%s: row %d of %d is not what it was", table.Of.Table, n, table.Len()))
			}
			n++
		}
		if n < table.Len() {
			all = errors.Join(all, fmt.Errorf("%s: %d rows, want %d", table.Of.Table, n, table.Len()))
		}
	}
	return all
}

func sameRow(of *projections.Definition, a, b projections.AnyRow) bool {
	return a.Index == b.Index && a.Final == b.Final && of.Any(a.Value) == of.Any(b.Value)
}

// checkUpdate checks the error of an update.
func checkUpdate(t testing.TB, s store.Store, want error) {
	t.Helper()
	assert.ErrorIs(t, s.Update(ctx, func(tx store.Tx) error { return replace(tx, "new") }), want, "writing")
}
