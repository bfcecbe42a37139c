package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// tx writes in one transaction.
type tx struct {
	ctx         context.Context
	store       *Store
	pg          pgx.Tx
	copier      copier
	unsent      map[domain.RunID]bool // that have rows which may not be sent yet
	registers   bool
	checkpoints checkpoints
}

func newTx(ctx context.Context, s *Store, pg pgx.Tx) *tx {
	return &tx{ctx: ctx, store: s, pg: pg, copier: newCopier(ctx, s.tables, pg.Conn().PgConn()), unsent: map[domain.RunID]bool{}}
}

// commit writes all that is not written yet, the checkpoints last.
func (t *tx) commit() error {
	if err := t.flush(); err != nil {
		return err
	}
	var batch pgx.Batch
	t.queueVersions(&batch)
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
	batch.Queue(lockRuns, lockKeys(t.store.schema, runs))
	batch.Queue(lockCheckpoints, texts(runs)).Query(func(rows pgx.Rows) error { return scanCheckpoints(rows, found) })
	if err := t.send(&batch); err != nil {
		return nil, fmt.Errorf("lock %d runs: %w", len(runs), explainWrite(err))
	}
	return found, nil
}

// Versions returns the versions of projections that are registered.
func (t *tx) Versions() (map[string]int, error) {
	versions := map[string]int{}
	var batch pgx.Batch
	t.queueVersions(&batch)
	batch.Queue(`SELECT name, version FROM quire_project_projections ORDER BY name`).Query(func(rows pgx.Rows) error {
		var name string
		var version int
		_, err := pgx.ForEachRow(rows, []any{&name, &version}, func() error { versions[name] = version; return nil })
		return err
	})
	if err := t.send(&batch); err != nil {
		return nil, fmt.Errorf("read the versions of the projections: %w", explainWrite(err))
	}
	return versions, nil
}

// Register registers the versions of the store's projections when the transaction commits,
// so that nobody who does the same waits for long.
func (t *tx) Register() error {
	t.registers = true
	return nil
}

// queueVersions adds to batch what registers versions, in one order everywhere, so that
// nobody waits for somebody who waits.
func (t *tx) queueVersions(batch *pgx.Batch) {
	if !t.registers {
		return
	}
	t.registers = false
	of := slices.SortedFunc(slices.Values(t.store.dialect.Set.Stored()), func(a, b *projections.Definition) int { return strings.Compare(a.Name, b.Name) })
	for _, d := range of {
		batch.Queue(`UPDATE quire_project_projections SET version = $2 WHERE name = $1 AND version < $2`, d.Name, d.Version)
	}
}

const clearTable = `DELETE FROM %q WHERE run_id = ANY ($1)`

// Clear removes the rows of runs from tables.
func (t *tx) Clear(runs []domain.RunID, tables []*projections.Definition) error {
	t.checkpoints.void(runs)
	err := t.settle(runs...)
	if err == nil {
		var batch pgx.Batch
		for _, of := range tables {
			batch.Queue(fmt.Sprintf(clearTable, of.Table), texts(runs))
		}
		err = t.send(&batch)
	}
	if err != nil {
		return fmt.Errorf("clear %d runs: %w", len(runs), explainWrite(err))
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
