package sqlite_test

import (
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/sqlite"
	"github.com/quire-ci/quire-project/projections/store"
)

// indexes returns the names of the declared indexes that a store has.
func indexes(t *testing.T, path string) (names []string) {
	t.Helper()
	db := other(t, path)
	defer db.Close()
	rows, err := db.Query(`SELECT name FROM sqlite_schema WHERE type = 'index' AND name LIKE '%\_by\_%' ESCAPE '\' ORDER BY name`)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		names = append(names, name)
	}
	require.NoError(t, rows.Err())
	return names
}

const dropIndexes = `DROP INDEX quire_project_runs_by_state; DROP INDEX quire_project_labels_by_value`

// A store that was made before an index was declared gets it, from whichever program opens it.
func TestIndexesAreMade(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quire.db")
	open(t, path)
	want := indexes(t, path)
	execute(t, path, dropIndexes)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			s, err := sqlite.Open(t.Context(), path)
			if assert.NoError(t, err) {
				s.Close()
			}
		})
	}
	group.Wait()
	assert.Equal(t, want, indexes(t, path))
	assert.Contains(t, want, "quire_project_runs_by_state")
}

// While another program writes, a store is opened without.
func TestIndexesWait(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quire.db")
	open(t, path).Close()
	execute(t, path, dropIndexes)
	db := other(t, path)
	defer db.Close()
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.ExecContext(t.Context(), "BEGIN IMMEDIATE")
	require.NoError(t, err)
	open(t, path, sqlite.BusyTimeout(time.Millisecond))
	assert.NotContains(t, indexes(t, path), "quire_project_runs_by_state")
	_, err = conn.ExecContext(t.Context(), "COMMIT")
	require.NoError(t, err)
	open(t, path)
	assert.Contains(t, indexes(t, path), "quire_project_runs_by_state")
}

// Through a connection that cannot write, a store is used without.
func TestIndexesOfReader(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quire.db")
	open(t, path).Close()
	execute(t, path, dropIndexes)
	db := other(t, path)
	defer db.Close()
	db.SetMaxOpenConns(1)
	_, err := db.Exec("PRAGMA query_only = 1")
	require.NoError(t, err)
	s, err := sqlite.New(t.Context(), db)
	require.NoError(t, err)
	_, err = s.Runs(t.Context(), store.Page{State: "active"})
	assert.NoError(t, err)
}
