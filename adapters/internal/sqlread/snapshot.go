package sqlread

import (
	"context"
	"database/sql"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

type snapshot struct {
	dialect *Dialect
	ctx     context.Context
	tx      *sql.Tx
	run     domain.RunID
}

// Snapshot reads the rows of a run in tx, which has to show the database as it
// is at one moment, until tx or ctx ends.
func (d *Dialect) Snapshot(ctx context.Context, tx *sql.Tx, run domain.RunID) store.Snapshot {
	return &snapshot{d, ctx, tx, run}
}

func (s *snapshot) Checkpoint() (checkpoint store.Checkpoint, ok bool, err error) {
	checkpoints, err := s.dialect.Checkpoints(s.ctx, s.tx, []domain.RunID{s.run})
	checkpoint, ok = checkpoints[s.run]
	return checkpoint, ok, err
}
