package sqlite_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/sqlite"
	"github.com/quire-ci/quire-project/projections/store"
)

// Open changes nothing in a file that has a table of another program.
func TestForeign(t *testing.T) {
	for _, test := range []struct{ name, statements string }{
		{"runs", `CREATE TABLE runs (id)`},
		{"jobs", `CREATE TABLE JOBS (id)`},
		{"sh_events", `CREATE VIEW sh_events AS SELECT 1`},
		{"timings", `CREATE TABLE a (b); CREATE INDEX timings ON a (b)`},
		{"sh_timings", `CREATE TABLE sh_timings (id)`},
		{"diagnostics", `CREATE TABLE diagnostics (id)`},
		{"checkpoints", `CREATE TABLE checkpoints (id)`},
		{"runs", `CREATE TABLE runs (run_id, state); CREATE TABLE goose_db_version (version_id); INSERT INTO goose_db_version VALUES (1)`},
		{"quire_project_schema", `CREATE TABLE quire_project_schema (id)`},
		{"runs", `CREATE TABLE runs (id); CREATE TABLE quire_project_schema (version_id); INSERT INTO quire_project_schema VALUES (0)`},
	} {
		for _, journal := range []string{"delete", "wal"} {
			t.Run(journal+" "+test.statements, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "other.db")
				execute(t, path, "PRAGMA journal_mode = "+journal+";"+test.statements)
				untouched(t, path, func() {
					_, err := sqlite.Open(t.Context(), path)
					isForeign(t, err, test.name)
				})
				db := other(t, path)
				if _, err := sqlite.New(t.Context(), db); true {
					isForeign(t, err, test.name)
				}
			})
		}
	}
}

// Nor does it change the write-ahead log of a program that crashed.
func TestForeignLog(t *testing.T) {
	folder, crashed := t.TempDir(), t.TempDir()
	db := other(t, filepath.Join(folder, "other.db"))
	if _, err := db.Exec(`PRAGMA journal_mode = wal; CREATE TABLE runs (id); INSERT INTO runs VALUES (1)`); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"other.db", "other.db-wal"} {
		require.NoError(t, os.WriteFile(filepath.Join(crashed, name), []byte(bytesOf(t, filepath.Join(folder, name))), 0o666))
	}
	path := filepath.Join(crashed, "other.db")
	log := bytesOf(t, path+"-wal")
	before := bytesOf(t, path)
	_, err := sqlite.Open(t.Context(), path)
	isForeign(t, err, "runs")
	if bytesOf(t, path) != before || bytesOf(t, path+"-wal") != log {
		t.Error("Open has changed the database or its log")
	}
}

func isForeign(t *testing.T, err error, name string) {
	t.Helper()
	if !errors.Is(err, store.ErrForeign) || !strings.Contains(err.Error(), ": "+name+"; name another database") {
		t.Errorf("%v, want %v: %s", err, store.ErrForeign, name)
	}
}

// untouched fails if do changes a file or its folder.
func untouched(t *testing.T, path string, do func()) {
	t.Helper()
	files, content := filesIn(t, filepath.Dir(path)), bytesOf(t, path)
	do()
	assert.Equal(t, files, filesIn(t, filepath.Dir(path)), "files")
	assert.Equal(t, content, bytesOf(t, path), "the file has changed")
}

// Open changes nothing in tables of a newer program.
func TestNewerSchema(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quire.db")
	writeRun(t, path, "a")
	execute(t, path, `INSERT INTO quire_project_schema (version_id, is_applied) VALUES (99, 1)`)
	untouched(t, path, func() {
		_, err := sqlite.Open(t.Context(), path)
		assert.ErrorIs(t, err, store.ErrNewerSchema, "Open")
	})
	_, err := sqlite.New(context.Background(), other(t, path))
	assert.ErrorIs(t, err, store.ErrNewerSchema, "New")
}
