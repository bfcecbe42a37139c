package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/sqlite"
	"github.com/quire-ci/quire-project/projections/store"
)

// lock makes another program write until you call the function.
func lock(t *testing.T, path string) (unlock func()) {
	t.Helper()
	db := other(t, path)
	_, err := db.Exec("BEGIN IMMEDIATE")
	require.NoError(t, err)
	return func() {
		_, err := db.Exec("ROLLBACK")
		assert.NoError(t, err)
	}
}

func TestLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quire.db")
	s := open(t, path, sqlite.BusyTimeout(50*time.Millisecond))
	unlock := lock(t, path)
	err := s.Update(t.Context(), insertRun("a"))
	if !errors.Is(err, store.ErrLocked) || !strings.Contains(err.Error(), path) {
		t.Errorf("Update: %v", err)
	}
	if runs, err := s.RunIDs(t.Context(), "", 10); err != nil || len(runs) != 0 {
		t.Errorf("RunIDs = %q, %v: who reads does not wait", runs, err)
	}
	unlock()
	assert.NoError(t, s.Update(t.Context(), insertRun("a")), "Update, with the lock gone")
}

// An update waits while another program writes.
func TestWaitsForLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quire.db")
	s := open(t, path)
	unlock := lock(t, path)
	time.AfterFunc(200*time.Millisecond, unlock)
	assert.NoError(t, s.Update(t.Context(), insertRun("a")))
}

// The end of a context ends the wait.
func TestWaitsNoLongerThanContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quire.db")
	s := open(t, path, sqlite.BusyTimeout(time.Minute))
	defer lock(t, path)()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	begin := time.Now()
	assert.ErrorIs(t, s.Update(ctx, insertRun("a")), context.DeadlineExceeded, "Update")
	if waited := time.Since(begin); waited > 10*time.Second {
		t.Errorf("Update waited for %v", waited)
	}
}

// It also ends the wait for another update of the same store.
func TestWaitsNoLongerForTurn(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "quire.db"))
	err := s.Update(t.Context(), func(store.Tx) error {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		assert.ErrorIs(t, s.Update(ctx, insertRun("b")), context.DeadlineExceeded, "Update")
		return nil
	})
	assert.NoError(t, err)
}

// A store without a write-ahead log gets one as soon as nobody reads.
func TestWaitsForReader(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quire.db")
	writeRun(t, path, "a")
	execute(t, path, "PRAGMA journal_mode = delete")
	db := other(t, path)
	var n int
	require.NoError(t, errors.Join(run(db, "BEGIN"), db.QueryRow("SELECT count(*) FROM runs").Scan(&n)))
	time.AfterFunc(200*time.Millisecond, func() { run(db, "ROLLBACK") })
	open(t, path)
	assert.Equal(t, "wal", query(t, path, "PRAGMA journal_mode"), "journal mode")
}

func run(db *sql.DB, statement string) error {
	_, err := db.Exec(statement)
	return err
}
