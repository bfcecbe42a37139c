package postgres_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
	"github.com/quire-ci/quire-project/projections/store"
)

// The view sh_timings has the same rows as the projection, for any commands and for times
// at the limits of bigint.
func TestShTimingsView(t *testing.T) {
	address := pgtest.Shared(t).NewDatabase(t)
	s, conn := open(t, address), connect(t, address)
	extreme := rapid.OneOf(rapid.SampledFrom([]int64{math.MinInt64, math.MinInt64 + 1, -1 << 62, -1, 0, 1, 1 << 62, math.MaxInt64 - 1, math.MaxInt64}), laws.AtMs())
	try := 0
	rapid.Check(t, func(t *rapid.T) {
		try++
		events := laws.Events().Draw(t, "events")
		for i := range events {
			events[i].AtMs = extreme.Draw(t, "at")
		}
		rows := &store.Rows{RunID: domain.RunID(fmt.Sprint("try-", try))}
		var want []projections.ShTiming
		members := []projections.Member{projections.ShTimings.Into(func(row *projections.Row[projections.ShTiming]) {
			want = slices.Grow(want, row.Index+1)[:max(len(want), row.Index+1)]
			want[row.Index] = row.Value
			want[row.Index].JobID = "" // which may be stored in another way
		})}
		for _, of := range []*projections.Definition{projections.RunTable.Definition, projections.ShEvents.Definition} {
			table := store.TableRows{Of: of, Rows: of.NewRows()}
			rows.Tables = append(rows.Tables, table)
			members = append(members, of.Member(table.Add))
		}
		fold := projections.NewFold(rows.RunID, members...)
		for _, entry := range laws.Entries(events) {
			fold.Apply(&entry)
		}
		fold.Open()
		require.NoError(t, s.Update(ctx, func(tx store.Tx) error { return tx.Insert(rows) }))
		found, err := conn.Query(ctx, `SELECT seq, offset_ms, duration_ms FROM sh_timings WHERE run_id = $1 ORDER BY position`, string(rows.RunID))
		require.NoError(t, err)
		got, err := pgx.CollectRows(found, func(row pgx.CollectableRow) (timing projections.ShTiming, err error) {
			var offset, duration *int64
			err = row.Scan(&timing.Seq, &offset, &duration)
			timing.OffsetMs, timing.DurationMs = known(offset), known(duration)
			return timing, err
		})
		require.NoError(t, err, "the view")
		require.True(t, slices.Equal(got, want), "the view has %v, want %v", got, want)
	})
}

func known(n *int64) projections.Null[int64] {
	if n == nil {
		return projections.Null[int64]{}
	}
	return projections.Some(*n)
}
