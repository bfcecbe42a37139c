package postgres

import (
	"context"
	"database/sql"

	"github.com/quire-ci/quire-project/adapters/internal/sqlread"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// dialect is how PostgreSQL differs from what sqlread expects.
var dialect = sqlread.Dialect{
	Dollars: true,
	Decode:  fromText,
	Encode:  toText,
	In:      func(ids []string) (string, []any) { return `= ANY ($1)`, []any{ids} },
	NowMs:   nowMs,
	Error:   explain,
}

// Checkpoints returns those of runs that are stored.
func (s *Store) Checkpoints(ctx context.Context, runs []domain.RunID) (map[domain.RunID]store.Checkpoint, error) {
	return dialect.Checkpoints(ctx, reader{s.db}, runs)
}

// Runs returns a page of runs.
func (s *Store) Runs(ctx context.Context, page store.Page) ([]store.Run, error) {
	return dialect.Runs(ctx, reader{s.db}, page)
}

// RunIDs returns the first limit runs behind after.
func (s *Store) RunIDs(ctx context.Context, after domain.RunID, limit int) ([]domain.RunID, error) {
	return dialect.RunIDs(ctx, reader{s.db}, after, limit)
}

// Older returns the first limit runs behind after whose rows are of older reducers.
func (s *Store) Older(ctx context.Context, reducers int, after domain.RunID, limit int) ([]domain.RunID, error) {
	return dialect.Older(ctx, reader{s.db}, reducers, after, limit)
}

// Waiting returns the runs that are quarantined or of which segments are held.
func (s *Store) Waiting(ctx context.Context, runs ...domain.RunID) ([]store.Waiting, error) {
	return dialect.Waiting(ctx, reader{s.db}, runs)
}

// Held returns a held segment of a run that has the byte at offset.
func (s *Store) Held(ctx context.Context, run domain.RunID, offset int64) (domain.Segment, bool, error) {
	return dialect.Held(ctx, reader{s.db}, run, offset)
}

// View lets do read the rows of a run.
func (s *Store) View(ctx context.Context, run domain.RunID, do func(store.Snapshot) error) error {
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return explain(err)
	}
	defer tx.Rollback() // there is nothing to commit
	if _, err := tx.ExecContext(ctx, freshPlans); err != nil {
		return explain(err)
	}
	v := &view{ctx: ctx, tx: tx, run: run}
	return do(v.dialect().Snapshot(ctx, tx, run))
}
