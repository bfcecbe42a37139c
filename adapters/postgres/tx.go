package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// tx writes in one transaction.
type tx struct {
	ctx         context.Context
	schema      string
	pg          pgx.Tx
	copier      copier
	stale       stale
	checkpoints checkpoints
	longIDs     longIDs
}

func newTx(ctx context.Context, schema string, pg pgx.Tx) *tx {
	return &tx{ctx: ctx, schema: schema, pg: pg, copier: copier{ctx: ctx, conn: pg.Conn().PgConn()}}
}

// commit writes all that is not written yet, the checkpoints last.
func (t *tx) commit() error {
	if err := t.removeStale(); err != nil {
		return err
	}
	if err := t.copier.flush(); err != nil {
		return err
	}
	var batch pgx.Batch
	t.longIDs.queue(&batch)
	t.checkpoints.queue(&batch)
	if err := t.send(&batch); err != nil {
		return err
	}
	return t.pg.Commit(t.ctx)
}

// send runs the statements of a batch, which takes one round trip.
func (t *tx) send(batch *pgx.Batch) error {
	if err := t.copier.wait(); err != nil {
		return err
	}
	if batch.Len() == 0 {
		return nil
	}
	return t.pg.SendBatch(t.ctx, batch).Close()
}

// Lock keeps everybody else from writing runs, and returns their checkpoints.
func (t *tx) Lock(runs []domain.RunID) (map[domain.RunID]store.Checkpoint, error) {
	found := map[domain.RunID]store.Checkpoint{}
	var batch pgx.Batch
	batch.Queue(lockRuns, lockKeys(t.schema, runs))
	batch.Queue(lockCheckpoints, texts(runs)).Query(func(rows pgx.Rows) error { return scanCheckpoints(rows, found) })
	if err := t.send(&batch); err != nil {
		return nil, fmt.Errorf("lock %d runs: %w", len(runs), explainWrite(err))
	}
	return found, nil
}

// Reducers returns the lowest and the highest version of reducers.
func (t *tx) Reducers() (lowest, highest int, err error) {
	var batch pgx.Batch
	t.checkpoints.queue(&batch)
	batch.Queue(`SELECT coalesce(min(reducers), 0), coalesce(max(reducers), 0) FROM checkpoints`).
		QueryRow(func(row pgx.Row) error { return row.Scan(&lowest, &highest) })
	if err := t.send(&batch); err != nil {
		return 0, 0, fmt.Errorf("read the versions of the reducers: %w", explainWrite(err))
	}
	return lowest, highest, nil
}

// rowTables are the tables of rows by their names.
var rowTables = []struct {
	table store.Tables
	name  string
}{
	{store.TableRuns, "runs"},
	{store.TableJobs, "jobs"},
	{store.TableShEvents, "sh_events"},
	{store.TableTimings, "timings"},
	{store.TableDiagnostics, "diagnostics"},
}

// namingJobs are the tables that a job's id can stand in.
const namingJobs = store.TableJobs | store.TableShEvents | store.TableTimings | store.TableDiagnostics

// Clear removes the rows of runs from tables.
func (t *tx) Clear(runs []domain.RunID, tables store.Tables) error {
	var batch pgx.Batch
	ids := texts(runs)
	for _, row := range rowTables {
		if tables.Has(row.table) {
			batch.Queue(`DELETE FROM `+row.name+` WHERE run_id = ANY ($1)`, ids)
		}
	}
	if tables.Has(namingJobs) { // else what is left may name one of them
		batch.Queue(`DELETE FROM long_job_ids WHERE run_id = ANY ($1)`, ids)
	}
	return t.remove(runs, &batch)
}

// remove runs statements that remove rows of runs.
func (t *tx) remove(runs []domain.RunID, batch *pgx.Batch) error {
	t.checkpoints.void(runs)
	if err := t.send(batch); err != nil {
		return fmt.Errorf("clear %d runs: %w", len(runs), explainWrite(err))
	}
	return nil
}

// Insert adds rows, and replaces those that are there.
func (t *tx) Insert(rows *store.Rows) error {
	if err := t.insert(rows); err != nil {
		return fmt.Errorf("write rows of run %q: %w", rows.RunID, explainWrite(err))
	}
	return nil
}

// SetCheckpoint sets a run's checkpoint, when the transaction commits.
func (t *tx) SetCheckpoint(run domain.RunID, checkpoint store.Checkpoint) error {
	t.checkpoints.set(run, checkpoint)
	return nil
}

// texts are what the ids of runs are stored as.
func texts(runs []domain.RunID) []string {
	ids := make([]string, len(runs))
	for i, run := range runs {
		ids[i] = toText(string(run))
	}
	return ids
}
