package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/sqlite"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// A path names a file, whatever the path means in a URI: Open makes no other file, and
// finds the rows again.
func TestPaths(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, on one goroutine")
	}
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SampledFrom(strings.Split(`?|#|%|%20|%00|&|=|;|+|:|file:|mode=ro|?mode=memory| |'|"|\|é|a|.db`, "|"))
		name := strings.Join(rapid.SliceOfN(parts, 1, 6).Draw(t, "name"), "")
		if name == "." || name == ".." {
			t.Skip("a folder")
		}
		folder, err := os.MkdirTemp("", "")
		require.NoError(t, err)
		defer os.RemoveAll(folder)
		path := filepath.Join(folder, name)
		writeRun(t, path, "the run")
		if got := filesIn(t, folder); len(got) != 1 || got[0] != name {
			t.Fatalf("files %q, want %q", got, name)
		}
		s, err := sqlite.Open(t.Context(), path, sqlite.MustExist())
		require.NoError(t, err)
		defer s.Close()
		if runs, err := s.RunIDs(t.Context(), "", 10); err != nil || len(runs) != 1 || runs[0] != "the run" {
			t.Fatalf("RunIDs = %q, %v", runs, err)
		}
	})
}

// A relative path refers to the working directory at the time of Open.
func TestRelativePath(t *testing.T) {
	folder, other := t.TempDir(), t.TempDir()
	t.Chdir(folder)
	s := open(t, "./quire.db")
	t.Chdir(other)
	require.NoError(t, s.Update(t.Context(), insertRun("a")))
	if runs, err := s.RunIDs(t.Context(), "", 10); err != nil || len(runs) != 1 {
		t.Fatalf("RunIDs = %q, %v", runs, err)
	}
	assert.Empty(t, filesIn(t, other), "files")
}

func TestWhatIsNoFile(t *testing.T) {
	folder := t.TempDir()
	for path, want := range map[string]string{
		"":                                   "names no file",
		":memory:":                           "names no file",
		"a\x00b":                             "names no file",
		folder:                               "is a folder",
		os.DevNull:                           "not a regular file",
		filepath.Join(folder, "no", "store"): "its folder does not exist",
	} {
		_, err := sqlite.Open(t.Context(), path)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), path+": ") {
			t.Errorf("Open(%q): %v, want %q", path, err, want)
		}
	}
	assert.Empty(t, filesIn(t, folder), "Open")
}

// Open does not change a file that is not a database.
func TestWhatIsNoDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.jsonl")
	for _, content := range []string{"x", `{"at_ms":100,"type":"job_started","job_id":"build"}` + "\n", strings.Repeat("not a page\n", 10_000)} {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o666))
		_, err := sqlite.Open(t.Context(), path)
		assert.ErrorContains(t, err, "not an SQLite database", "Open")
		if now, err := os.ReadFile(path); err != nil || string(now) != content {
			t.Errorf("Open changed the file: %v", err)
		}
		assert.Len(t, filesIn(t, filepath.Dir(path)), 1, "Open")
	}
}

// MustExist makes neither a file nor tables.
func TestMustExist(t *testing.T) {
	folder := t.TempDir()
	_, err := sqlite.Open(t.Context(), filepath.Join(folder, "missing.db"), sqlite.MustExist())
	assert.ErrorIs(t, err, fs.ErrNotExist, "Open of a missing file")
	assert.Empty(t, filesIn(t, folder), "Open")
	path := filepath.Join(folder, "other.db")
	execute(t, path, `CREATE TABLE other (a)`)
	before := bytesOf(t, path)
	_, err = sqlite.Open(t.Context(), path, sqlite.MustExist())
	assert.ErrorIs(t, err, fs.ErrNotExist, "Open of a database without a store")
	assert.Equal(t, before, bytesOf(t, path), "Open changed the database")
	require.NoError(t, os.WriteFile(filepath.Join(folder, "empty.db"), nil, 0o666))
	_, err = sqlite.Open(t.Context(), filepath.Join(folder, "empty.db"), sqlite.MustExist())
	assert.ErrorIs(t, err, fs.ErrNotExist, "Open of an empty file")
}

// Open makes a store in an empty file, and in a database with other tables.
func TestBesideOthers(t *testing.T) {
	folder := t.TempDir()
	empty, other := filepath.Join(folder, "empty.db"), filepath.Join(folder, "other.db")
	require.NoError(t, os.WriteFile(empty, nil, 0o666))
	execute(t, other, `CREATE TABLE pipelines (a); INSERT INTO pipelines VALUES (1)`)
	for _, path := range []string{empty, other} {
		writeRun(t, path, "a")
		if runs, err := open(t, path).RunIDs(t.Context(), "", 10); err != nil || len(runs) != 1 {
			t.Errorf("%s: RunIDs = %q, %v", path, runs, err)
		}
	}
	assert.Equal(t, "1", query(t, other, `SELECT a FROM pipelines`), "the other table holds")
}

// tester is a test or a check of a property.
type tester interface {
	rapid.TB
	Context() context.Context
	Cleanup(func())
}

// writeRun writes a run into the database in a file.
func writeRun(t tester, path string, run domain.RunID) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path)
	require.NoError(t, err)
	require.NoError(t, errors.Join(s.Update(t.Context(), insertRun(run)), s.Close()))
}

// insertRun returns a function that inserts a run with a row in every table.
func insertRun(run domain.RunID) func(store.Tx) error {
	return func(tx store.Tx) error {
		if _, err := tx.Lock([]domain.RunID{run}); err != nil {
			return err
		}
		return errors.Join(tx.Clear([]domain.RunID{run}, projections.Builtin.Stored()), tx.Insert(aRun(run)), tx.SetCheckpoint(run, aCheckpoint))
	}
}

var aCheckpoint = store.Checkpoint{Mark: domain.StartMark, End: domain.StartMark, Projections: projections.ID(projections.Builtin.Stored()), Source: "somewhere"}

func aRun(run domain.RunID) *store.Rows {
	return &store.Rows{RunID: run, Tables: []store.TableRows{
		store.RowsOf(projections.RunTable, projections.Row[store.Run]{Value: store.Run{Run: projections.Run{RunID: run, State: projections.Active}}}),
		store.RowsOf(projections.LabelRows, projections.Row[projections.Label]{Value: projections.Label{Key: "ref", Value: "main"}, Final: true}),
		store.RowsOf(projections.Jobs, projections.Row[projections.Job]{Value: projections.Job{JobID: "build", State: projections.Active}}),
		store.RowsOf(projections.ShEvents, projections.Row[projections.ShEvent]{Value: projections.ShEvent{JobID: "build", Seq: 1, Cmd: "a secret"}}),
		store.RowsOf(projections.JobTimings, projections.Row[projections.JobTiming]{Value: projections.JobTiming{JobID: "build"}}),
		store.RowsOf(projections.Diagnostics, projections.Row[projections.Diagnostic]{Value: projections.Diagnostic{Code: projections.TornTail}, Final: true}),
	}}
}

// commands returns rows of commands.
func commands(run domain.RunID, count int, text string) *store.Rows {
	rows := make([]projections.Row[projections.ShEvent], count)
	for i := range rows {
		rows[i].Index, rows[i].Value = i, projections.ShEvent{JobID: "build", Seq: i + 1, Cmd: text}
	}
	return &store.Rows{RunID: run, Tables: []store.TableRows{store.RowsOf(projections.ShEvents, rows...)}}
}

func filesIn(t tester, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func bytesOf(t tester, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(content)
}

// Reading makes no new file if the store's file was removed.
func TestRemovedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quire.db")
	s := open(t, path)
	for _, name := range filesIn(t, filepath.Dir(path)) {
		require.NoError(t, os.Remove(filepath.Join(filepath.Dir(path), name)))
	}
	if _, err := s.RunIDs(t.Context(), "", 10); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("RunIDs: %v", err)
	}
	assert.Empty(t, filesIn(t, filepath.Dir(path)))
}

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
