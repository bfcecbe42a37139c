package postgres

import (
	"context"
	"database/sql"

	"github.com/quire-ci/quire-project/adapters/internal/sqlread"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// newDialect says how PostgreSQL differs from what sqlread expects.
func newDialect(set *projections.Set) *sqlread.Dialect {
	return &sqlread.Dialect{
		Set:     set,
		Dollars: true,
		Decode:  fromText,
		Encode:  toText,
		In:      func(ids []string) (string, []any) { return `= ANY ($1)`, []any{ids} },
		NowMs:   nowMs,
		Error:   explain,
	}
}

// Projections returns those that the store has tables of, for this program.
func (s *Store) Projections() *projections.Set { return s.dialect.Set }

// Versions returns the newest version of each projection that rows were written of.
func (s *Store) Versions(ctx context.Context) (map[string]int, error) {
	return s.dialect.Versions(ctx, reader{s.db})
}

// Checkpoints returns those of runs that are stored.
func (s *Store) Checkpoints(ctx context.Context, runs []domain.RunID) (map[domain.RunID]store.Checkpoint, error) {
	return s.dialect.Checkpoints(ctx, reader{s.db}, runs)
}

// Runs returns a page of runs.
func (s *Store) Runs(ctx context.Context, page store.Page) ([]store.Run, error) {
	return s.dialect.Runs(ctx, reader{s.db}, page)
}

// RunIDs returns the first limit runs behind after.
func (s *Store) RunIDs(ctx context.Context, after domain.RunID, limit int) ([]domain.RunID, error) {
	return s.dialect.RunIDs(ctx, reader{s.db}, after, limit)
}

// Outdated returns the first limit runs behind after whose rows lack a projection, or have
// an older version of it.
func (s *Store) Outdated(ctx context.Context, after domain.RunID, limit int) ([]domain.RunID, error) {
	return s.dialect.Outdated(ctx, reader{s.db}, after, limit)
}

// Waiting returns the runs that are quarantined or of which segments are parked.
func (s *Store) Waiting(ctx context.Context, runs ...domain.RunID) ([]store.Waiting, error) {
	return s.dialect.Waiting(ctx, reader{s.db}, runs)
}

// Parked returns a parked segment of a run that has the byte at offset.
func (s *Store) Parked(ctx context.Context, run domain.RunID, offset int64) (domain.Segment, bool, error) {
	return s.dialect.Parked(ctx, reader{s.db}, run, offset)
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
	dialect := *s.dialect
	dialect.Stream = (&cursors{}).open
	return do(dialect.Snapshot(ctx, tx, run))
}
