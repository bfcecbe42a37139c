package sqlite

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/quire-ci/quire-project/domain"
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
// Where one table is searched with the help of another, that one still has to
// have its rows. SQLite would not choose the indexes of what is open by itself,
// and look at all rows of a run.
const (
	clearCheckpoints = `DELETE FROM checkpoints WHERE run_id IN %s`
	clearRuns        = `DELETE FROM runs WHERE run_id IN %s`
	clearJobs        = `DELETE FROM jobs WHERE run_id IN %s`
	clearShEvents    = `DELETE FROM sh_events WHERE run_id IN %s`
	clearTimings     = `DELETE FROM timings WHERE run_id IN %s`
	clearDiagnostics = `DELETE FROM diagnostics WHERE run_id IN %s`

	reopenTimings = `DELETE FROM timings WHERE (run_id, job_id) IN (
SELECT run_id, job_id FROM jobs INDEXED BY quire_project_jobs_active WHERE state = 'active' AND run_id IN %s)`
	reopenJobs     = `DELETE FROM jobs INDEXED BY quire_project_jobs_active WHERE state = 'active' AND run_id IN %s`
	reopenShEvents = `DELETE FROM sh_events INDEXED BY quire_project_sh_events_open WHERE finished_at_ms IS NULL AND run_id IN %s`
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

func (t *tx) Reopen(runs []domain.RunID) error {
	return t.remove(runs, []string{clearCheckpoints, reopenTimings, reopenJobs, reopenShEvents, clearRuns})
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
	i, run := t.inserter, any(string(rows.RunID))
	err := insert(i, jobs, run, rows.Jobs, appendJob)
	if err == nil {
		err = insert(i, shEvents, run, rows.ShEvents, appendShEvent)
	}
	if err == nil {
		err = insert(i, timings, run, rows.Timings, appendTiming)
	}
	if err == nil {
		err = insert(i, diagnostics, run, rows.Diagnostics, appendDiagnostic)
	}
	if err == nil && rows.Run.Valid {
		err = insert(i, runs, run, []store.Run{rows.Run.V}, appendRun)
	}
	return t.store.fail("insert rows", err)
}

func (t *tx) SetCheckpoint(run domain.RunID, checkpoint store.Checkpoint) error {
	err := insert(t.inserter, checkpoints, any(string(run)), []store.Checkpoint{checkpoint}, appendCheckpoint)
	return t.store.fail("set a checkpoint", err)
}

func (t *tx) flush() error { return t.store.fail("insert rows", t.inserter.flush()) }
