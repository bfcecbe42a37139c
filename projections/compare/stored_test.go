package compare

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// A store's runs before B are its history, and no others.
func TestStored(t *testing.T) {
	s := memory.New()
	for i := range 30 {
		ms := int64(10_000 + i)
		if i == 20 {
			ms = 60_000
		}
		r := ended(i, ms)
		require.NoError(t, s.Update(t.Context(), func(tx store.Tx) error {
			runs := []domain.RunID{r.Run.RunID}
			_, err := tx.Lock(runs)
			require.NoError(t, err)
			require.NoError(t, tx.Clear(runs, s.Projections().Stored()))
			require.NoError(t, tx.SetCheckpoint(r.Run.RunID, store.Checkpoint{}))
			run := projections.Row[projections.RunRow]{Value: projections.RunRow{Run: r.Run, RunTiming: r.Timings.Run}}
			sh := projections.Row[projections.ShEvent]{Final: true, Value: r.ShEvents[0]}
			return tx.Insert(&store.Rows{RunID: r.Run.RunID, Tables: []store.TableRows{store.RowsOf(projections.RunTable, run), store.RowsOf(projections.ShEvents, sh)}})
		}))
	}
	c, err := Stored(t.Context(), s, "run-19", "run-20")
	require.NoError(t, err)
	assert.Equal(t, History{Runs: 20, Tested: 1, LeftOut: []LeftOut{}}, c.History)
	assert.Equal(t, Slower, c.Commands[0].Verdict)
	_, err = Stored(t.Context(), s, "run-19", "none")
	assert.ErrorIs(t, err, store.ErrNoRun)
}
