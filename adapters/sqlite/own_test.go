package sqlite_test

import (
	"database/sql"
	"errors"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/sqlite"
	"github.com/quire-ci/quire-project/adapters/storetest"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// A store on your own handle keeps the contract too. Most of its code is the same, so a
// few checks are enough.
func TestStoreOnOwnHandle(t *testing.T) {
	if slow {
		t.Skip("TestStore is enough to look for races")
	}
	storetest.Tries(t, 3)
	storetest.RunQuick(t, func(t *testing.T) storetest.Opener {
		db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "own.db")+"?_busy_timeout=10000&_journal_mode=wal&_synchronous=off")
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, db.Close()) })
		return func(t *testing.T, set *projections.Set) store.Store { return adopt(t, db, sqlite.Projections(set)) }
	})
}

func adopt(t testing.TB, db *sql.DB, opts ...sqlite.Option) *sqlite.Store {
	t.Helper()
	s, err := sqlite.New(t.Context(), db, opts...)
	require.NoError(t, err)
	return s
}

// A database in memory has one connection, which the store returns each time.
func TestInMemory(t *testing.T) {
	db, err := sql.Open("sqlite", ":memory:")
	require.NoError(t, err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	s := adopt(t, db)
	require.NoError(t, s.Update(t.Context(), insertRun("a")))
	failure := errors.New("do not")
	if err := s.Update(t.Context(), func(tx store.Tx) error {
		return errors.Join(insertRun("b")(tx), failure)
	}); !errors.Is(err, failure) {
		t.Fatal(err)
	}
	if runs, err := s.RunIDs(t.Context(), "", 10); err != nil || len(runs) != 1 || runs[0] != "a" {
		t.Errorf("RunIDs = %q, %v", runs, err)
	}
}

// Close does not close your handle, and New does not change its settings.
func TestOwnHandleStays(t *testing.T) {
	db := other(t, filepath.Join(t.TempDir(), "own.db"))
	require.NoError(t, adopt(t, db).Close())
	var mode string
	if err := db.QueryRow("PRAGMA journal_mode").Scan(&mode); err != nil || mode != "delete" {
		t.Errorf("journal mode %q, %v", mode, err)
	}
}
