package sqlite

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// tx is a transaction that keeps everybody else from writing.
type tx struct {
	store    *Store
	ctx      context.Context
	session  *session
	inserter *inserter
}

// Lock returns the checkpoints. The lock is that of the transaction.
func (t *tx) Lock(runs []domain.RunID) (map[domain.RunID]store.Checkpoint, error) {
	return t.store.dialect.Checkpoints(t.ctx, t.session.conn, runs)
}

func (t *tx) Reducers() (lowest, highest int, err error) {
	if err := t.flush(); err != nil {
		return 0, 0, err
	}
	// One min or max at a time is read off the index.
	const query = `SELECT coalesce((SELECT min(reducers) FROM checkpoints), 0), coalesce((SELECT max(reducers) FROM checkpoints), 0)`
	if err := t.session.conn.QueryRowContext(t.ctx, query).Scan(&lowest, &highest); err != nil {
		return 0, 0, t.store.fail("read the reducers' version", err)
	}
	return lowest, highest, nil
}

// Statements that remove rows of the runs in a list that takes the place of %s.
const (
	clearCheckpoints = `DELETE FROM checkpoints WHERE run_id IN %s`
	clearRuns        = `DELETE FROM runs WHERE run_id IN %s`
	clearJobs        = `DELETE FROM jobs WHERE run_id IN %s`
	clearShEvents    = `DELETE FROM sh_events WHERE run_id IN %s`
	clearTimings     = `DELETE FROM timings WHERE run_id IN %s`
	clearDiagnostics = `DELETE FROM diagnostics WHERE run_id IN %s`
)

var clearTables = []struct {
	table store.Tables
	query string
}{
	{store.TableRuns, clearRuns},
	{store.TableJobs, clearJobs},
	{store.TableShEvents, clearShEvents},
	{store.TableTimings, clearTimings},
	{store.TableDiagnostics, clearDiagnostics},
}

func (t *tx) Clear(runs []domain.RunID, tables store.Tables) error {
	queries := []string{clearCheckpoints}
	for _, clear := range clearTables {
		if tables.Has(clear.table) {
			queries = append(queries, clear.query)
		}
	}
	return t.remove(runs, queries)
}

// maxList is how many runs a list has at most.
const maxList = 500

// remove runs statements that remove rows.
func (t *tx) remove(runs []domain.RunID, queries []string) error {
	if err := t.flush(); err != nil {
		return err
	}
	for runs := range slices.Chunk(runs, maxList) {
		list, args := placeholders(runs)
		for _, query := range queries {
			if err := t.session.exec(t.ctx, fmt.Sprintf(query, list), args...); err != nil {
				t.inserter.err = t.store.fail("remove rows", err)
				return t.inserter.err
			}
		}
	}
	return nil
}

func placeholders(runs []domain.RunID) (list string, args []any) {
	for _, run := range runs {
		args = append(args, string(run))
	}
	return "(?" + strings.Repeat(",?", len(runs)-1) + ")", args
}

func (t *tx) Insert(rows *store.Rows) error {
	if err := t.ctx.Err(); err != nil {
		return err
	}
	i, run, stored := t.inserter, any(string(rows.RunID)), rows.Stored
	err := put(i, jobs, run, rows.Jobs, stored.Jobs, appendJob)
	if err == nil {
		err = put(i, shEvents, run, rows.ShEvents, stored.ShEvents, appendShEvent)
	}
	if err == nil {
		err = put(i, timings, run, rows.Timings, stored.Jobs, appendTiming)
	}
	if err == nil {
		err = insert(i, diagnostics, run, rows.Diagnostics, appendDiagnostic)
	}
	if err == nil && rows.Run.Valid {
		t := runs
		if stored.Run {
			t = runs.replaced
		}
		err = insert(i, t, run, []store.Run{rows.Run.V}, appendRun)
	}
	return t.store.fail("insert rows", err)
}

// put inserts rows, of which those with one of the first stored indexes replace others.
func put[R comparable](i *inserter, t *table, run any, rows []projections.Row[R], stored int, appendRow func([]any, *projections.Row[R]) []any) error {
	for len(rows) > 0 {
		into, n := t, 1
		if rows[0].Index < stored {
			into = t.replaced
		}
		for n < len(rows) && (rows[n].Index < stored) == (rows[0].Index < stored) {
			n++
		}
		if err := insert(i, into, run, rows[:n], appendRow); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return i.err
}

func (t *tx) SetCheckpoint(run domain.RunID, checkpoint store.Checkpoint) error {
	err := insert(t.inserter, checkpoints, any(string(run)), []store.Checkpoint{checkpoint}, appendCheckpoint)
	return t.store.fail("set a checkpoint", err)
}

func (t *tx) flush() error { return t.store.fail("insert rows", t.inserter.flush()) }
