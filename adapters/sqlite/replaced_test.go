package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/sqlite"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// Your own connection may run triggers for replaced rows, too.
func TestReplacedRowsKeepTheirCheckpoint(t *testing.T) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "own.db")+"?_pragma=recursive_triggers(1)")
	require.NoError(t, err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	s, err := sqlite.New(t.Context(), db)
	require.NoError(t, err)
	lost := 0
	for i := range 20 {
		err := s.Update(t.Context(), func(tx store.Tx) error {
			rows := store.RowsOf(projections.Jobs, projections.Row[projections.Job]{Value: projections.Job{JobID: "a", State: projections.Active}})
			rows.Stored = min(i, 1)
			if err := tx.Insert(&store.Rows{RunID: "r", Continued: i > 0, Tables: []store.TableRows{rows}}); err != nil {
				return err
			}
			return tx.SetCheckpoint("r", store.Checkpoint{Events: int64(i)})
		})
		require.NoError(t, err)
		found, err := s.Checkpoints(t.Context(), []domain.RunID{"r"})
		require.NoError(t, err)
		if len(found) == 0 {
			lost++
		}
	}
	assert.LessOrEqual(t, lost, 0)
}
