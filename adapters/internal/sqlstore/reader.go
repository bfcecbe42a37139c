package sqlstore

import (
	"context"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// Reader has the reading methods of a store, outside of transactions.
type Reader struct {
	dialect *Dialect
	db      Querier
}

// NewReader returns a Reader that runs its queries on db.
func NewReader(d *Dialect, db Querier) Reader { return Reader{d, db} }

// Projections returns the projections that this program derives rows of.
func (r Reader) Projections() *projections.Set { return r.dialect.Set }

// Versions returns the newest version of each projection that the store has rows of.
func (r Reader) Versions(ctx context.Context) (map[string]int, error) {
	return r.dialect.Versions(ctx, r.db)
}

// Checkpoints returns the checkpoints of those runs that are stored.
func (r Reader) Checkpoints(ctx context.Context, runs []domain.RunID) (map[domain.RunID]store.Checkpoint, error) {
	return r.dialect.Checkpoints(ctx, r.db, runs)
}

// Runs returns a page of runs.
func (r Reader) Runs(ctx context.Context, page store.Page) ([]store.Run, error) {
	return r.dialect.Runs(ctx, r.db, page)
}

// RunIDs returns the first limit runs after a run.
func (r Reader) RunIDs(ctx context.Context, after domain.RunID, limit int) ([]domain.RunID, error) {
	return r.dialect.RunIDs(ctx, r.db, after, limit)
}

// Outdated returns the first limit runs after a run whose rows lack a projection, or have an
// older version of it.
func (r Reader) Outdated(ctx context.Context, after domain.RunID, limit int) ([]domain.RunID, error) {
	return r.dialect.Outdated(ctx, r.db, after, limit)
}

// Waiting returns those of runs, or of all runs if there are none, that are quarantined or
// have parked segments.
func (r Reader) Waiting(ctx context.Context, runs ...domain.RunID) ([]store.Waiting, error) {
	return r.dialect.Waiting(ctx, r.db, runs)
}

// Parked returns a parked segment of a run that has the byte at offset.
func (r Reader) Parked(ctx context.Context, run domain.RunID, offset int64) (domain.Segment, bool, error) {
	return r.dialect.Parked(ctx, r.db, run, offset)
}
