package sqlite_test

import (
	"database/sql"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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
