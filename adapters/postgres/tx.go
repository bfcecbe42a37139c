package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/quire-ci/quire-project/adapters/internal/sqlstore"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// tx writes in one transaction.
type tx struct {
	sqlstore.Parking
	sqlstore.Keeping
	ctx         context.Context
	store       *Store
	pg          pgx.Tx
	copier      copier
	unsent      map[domain.RunID]bool // runs that may have rows that are not sent
	registers   bool
	checkpoints checkpoints
}

func newTx(ctx context.Context, s *Store, pg pgx.Tx) *tx {
	t := &tx{ctx: ctx, store: s, pg: pg, copier: newCopier(ctx, s.tables, pg.Conn().PgConn()), unsent: map[domain.RunID]bool{}, checkpoints: checkpoints{}}
	t.Parking = sqlstore.Parking{Dialect: s.dialect, Exec: t.exec}
	t.Keeping = sqlstore.Keeping{Dialect: s.dialect, Query: t.query, Exec: t.execAll}
	return t
}

// commit writes everything unwritten, the checkpoints last.
func (t *tx) commit() error {
	var batch pgx.Batch
	t.queueVersions(&batch)
	t.checkpoints.queue(t.store.dialect, &batch)
	if err := t.flush(); err != nil {
		return err
	}
	if err := t.Keeping.Flush(); err != nil {
		return err
	}
	if err := t.send(&batch); err != nil {
		return err
	}
	return t.pg.Commit(t.ctx)
}

// rollback undoes everything. It runs even if the context has ended, because a transaction
// keeps its locks until it is rolled back.
func (t *tx) rollback() {
	_ = t.copier.wait() // another error is returned already
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), rollbackTime)
	defer cancel()
	_ = t.pg.Rollback(ctx)
}

// send runs the statements of a batch in one round trip.
func (t *tx) send(batch *pgx.Batch) error {
	if err := t.copier.wait(); err != nil {
		return err
	}
	if batch.Len() == 0 {
		return nil
	}
	return t.pg.SendBatch(t.ctx, batch).Close()
}

// execAll runs statements.
func (t *tx) execAll(statements ...sqlstore.Statement) error {
	var batch pgx.Batch
	for _, s := range statements {
		batch.Queue(s.Query, s.Args...)
	}
	return explainWrite(t.send(&batch))
}

// query runs statements in one round trip.
func (t *tx) query(scan func(int, sqlstore.Rows) error, statements ...sqlstore.Statement) error {
	var batch pgx.Batch
	for i, s := range statements {
		batch.Queue(s.Query, s.Args...).Query(func(rows pgx.Rows) error { return scan(i, batchRows{rows}) })
	}
	return explainWrite(t.send(&batch))
}

// batchRows are the rows of a statement in a batch, which closes them.
type batchRows struct{ pgx.Rows }

func (batchRows) Close() error { return nil }

// exec runs statements. what describes them in errors.
func (t *tx) exec(what string, statements ...sqlstore.Statement) error {
	if err := t.execAll(statements...); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// selectStore selects whether the store keeps streams, and the version of its tables.
const selectStore = `SELECT keeps_streams, (` + sqlstore.SelectSchema + `) FROM quire_project_store`

// scanStore notes whether the store keeps streams, which go with the live rows, and fails if a newer
// program has migrated its tables.
func (t *tx) scanStore(row pgx.Row) error {
	var version int64
	if err := row.Scan(&t.Keeping.On, &version); err != nil {
		return err
	}
	t.Keeping.On = t.Keeping.On && t.store.dialect.Prefix == ""
	return sqlstore.CheckSchema(version, t.store.known)
}

// Lock keeps others from writing runs, and returns their checkpoints.
func (t *tx) Lock(runs []domain.RunID) (map[domain.RunID]store.Checkpoint, error) {
	found := map[domain.RunID]store.Checkpoint{}
	var batch pgx.Batch
	if t.store.within == nil { // else nobody else can write
		batch.Queue(lockRuns, lockKeys(t.store.schema+t.store.dialect.Prefix, runs))
	}
	batch.Queue(t.store.dialect.SQL(lockCheckpoints), texts(runs)).Query(func(rows pgx.Rows) error {
		var c sqlstore.Checkpoint
		_, err := pgx.ForEachRow(rows, t.store.dialect.CheckpointColumns(&c), func() error { found[c.Run] = c.Checkpoint; return nil })
		return err
	})
	// After the lock of the checkpoints, for which a migration waits.
	batch.Queue(selectStore).QueryRow(t.scanStore)
	if err := t.send(&batch); err != nil {
		return nil, fmt.Errorf("lock %d runs: %w", len(runs), explainWrite(t.store.newer(err)))
	}
	return found, nil
}

// Versions returns the registered versions of projections.
func (t *tx) Versions() (map[string]int, error) {
	versions := map[string]int{}
	var batch pgx.Batch
	t.queueVersions(&batch)
	batch.Queue(t.store.dialect.SQL(`SELECT name, version FROM {quire_project_projections} ORDER BY name`)).Query(func(rows pgx.Rows) error {
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

// Register registers the versions of the store's projections. It does so when the transaction
// commits, so that other programs wait only for a moment.
func (t *tx) Register() error {
	t.registers = true
	return nil
}

// queueVersions adds the statements of Register to batch. All programs use the same order, to
// avoid deadlocks.
func (t *tx) queueVersions(batch *pgx.Batch) {
	if !t.registers {
		return
	}
	t.registers = false
	of := slices.SortedFunc(slices.Values(t.store.dialect.Set.Stored()), func(a, b *projections.Definition) int { return strings.Compare(a.Name, b.Name) })
	for _, d := range of {
		batch.Queue(t.store.dialect.SQL(`UPDATE {quire_project_projections} SET version = $2 WHERE name = $1 AND version < $2`), d.Name, d.Version)
	}
}

const clearTable = `DELETE FROM {%s} WHERE run_id = ANY ($1)`

// Clear removes the rows of runs from tables, while the caller encodes new ones.
func (t *tx) Clear(runs []domain.RunID, tables []*projections.Definition) error {
	for _, run := range runs {
		t.checkpoints[run] = nil
	}
	what := fmt.Sprintf("clear %d runs", len(runs))
	if err := t.flushRuns(runs...); err != nil {
		return fmt.Errorf("%s: %w", what, explainWrite(err))
	}
	var batch pgx.Batch
	for _, of := range tables {
		batch.Queue(t.store.dialect.SQL(fmt.Sprintf(clearTable, of.Table)), texts(runs))
	}
	return t.copier.start(func() error {
		if err := t.pg.SendBatch(t.ctx, &batch).Close(); err != nil {
			return fmt.Errorf("%s: %w", what, explainWrite(err))
		}
		return nil
	})
}

// SetCheckpoint sets a run's checkpoint when the transaction commits.
func (t *tx) SetCheckpoint(run domain.RunID, checkpoint store.Checkpoint) error {
	if checkpoint.Kept {
		t.Reach(run, checkpoint.End)
	}
	t.checkpoints[run] = &checkpoint
	return nil
}

// texts returns the stored form of the ids of runs.
func texts(runs []domain.RunID) []string {
	ids := make([]string, len(runs))
	for i, run := range runs {
		ids[i] = toText(string(run))
	}
	return ids
}

// Insert adds rows, and replaces those that exist.
func (t *tx) Insert(rows *store.Rows) error {
	if err := t.insert(rows); err != nil {
		return fmt.Errorf("write rows of run %q: %w", rows.RunID, explainWrite(err))
	}
	return nil
}

// insert encodes rows, and sends tables with much data.
func (t *tx) insert(rows *store.Rows) error {
	run := toText(string(rows.RunID))
	for _, part := range rows.Tables {
		out := t.copier.table(part.Of)
		for i := range part.Len() {
			row := part.At(i)
			if row.Index < part.Stored {
				out.stale.add(run, row.Index)
			}
			out.row(run, part.Of, row)
		}
	}
	t.unsent[rows.RunID] = true
	if !t.copier.full() {
		return t.copier.err
	}
	if err := t.removeStale(); err != nil {
		return err
	}
	return t.copier.sendFrom(flushSize)
}

// Truncate removes the rows of a run whose index is length or more.
func (t *tx) Truncate(run domain.RunID, table *projections.Definition, length int) error {
	if err := t.flushRuns(run); err != nil {
		return fmt.Errorf("remove rows of run %q: %w", run, explainWrite(err))
	}
	t.copier.table(table).cut.add(toText(string(run)), length)
	return nil
}

// flushRuns sends all rows if some of runs may not be sent, before rows of them are removed.
func (t *tx) flushRuns(runs ...domain.RunID) error {
	if slices.ContainsFunc(runs, func(run domain.RunID) bool { return t.unsent[run] }) {
		return t.flush()
	}
	return nil
}

// flush sends all rows, and waits until the server has them.
func (t *tx) flush() error {
	if err := t.removeStale(); err != nil {
		return err
	}
	clear(t.unsent)
	if err := t.copier.sendFrom(1); err != nil {
		return err
	}
	return t.copier.wait()
}

// removeStale removes the rows that unsent rows replace.
func (t *tx) removeStale() error {
	var batch pgx.Batch
	for i := range t.copier.tables {
		out := &t.copier.tables[i]
		out.stale.queue(&batch, out.remove)
		out.cut.queue(&batch, out.removeFrom)
	}
	if err := t.send(&batch); err != nil {
		return fmt.Errorf("remove the rows to be replaced: %w", err)
	}
	return nil
}
