package postgres_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
	"github.com/quire-ci/quire-project/adapters/storetest"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

func TestShTimingsView(t *testing.T) {
	address := pgtest.Shared(t).NewDatabase(t)
	s, conn := open(t, address), connect(t, address)
	storetest.ShTimings(t, s, func(run domain.RunID) ([]projections.ShTiming, error) {
		found, _ := conn.Query(ctx, `SELECT job_id, seq, offset_ms, duration_ms FROM sh_timings WHERE run_id = $1 ORDER BY position`, string(run))
		return pgx.CollectRows(found, func(row pgx.CollectableRow) (timing projections.ShTiming, err error) {
			var offset, duration *int64
			err = row.Scan(&timing.JobID, &timing.Seq, &offset, &duration)
			timing.OffsetMs, timing.DurationMs = known(offset), known(duration)
			return timing, err
		})
	})
}

func known(n *int64) projections.Null[int64] {
	if n == nil {
		return projections.Null[int64]{}
	}
	return projections.Some(*n)
}
