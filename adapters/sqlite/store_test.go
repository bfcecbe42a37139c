package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/sqlite"
	"github.com/quire-ci/quire-project/adapters/storetest"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// slow is set where everything takes ten times as long.
var slow bool

func TestStore(t *testing.T) {
	storetest.RunParallel(t, func(t *testing.T) storetest.Opener {
		path := filepath.Join(t.TempDir(), "quire.db")
		return func(t *testing.T, set *projections.Set) store.Store { return open(t, path, sqlite.Projections(set)) }
	})
}

func TestStoreThatKeepsStreams(t *testing.T) {
	if testing.Short() {
		t.Skip("TestStore is enough to look for races")
	}
	storetest.Tries(t, 5) // the rest is the same as in TestStore
	storetest.RunKeeping(t, func(t *testing.T) storetest.Opener {
		path := filepath.Join(t.TempDir(), "quire.db")
		return func(t *testing.T, set *projections.Set) store.Store {
			return open(t, path, sqlite.Projections(set), sqlite.KeepStreams())
		}
	})
}

// open opens a database for as long as a test runs.
func open(t testing.TB, path string, opts ...sqlite.Option) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, opts...)
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, s.Close())
	})
	return s
}

func TestVersions(t *testing.T) {
	storetest.Versions(t, func(t *testing.T) func(*projections.Set) store.Versioned {
		path := filepath.Join(t.TempDir(), "quire.db")
		return func(set *projections.Set) store.Versioned {
			s, err := sqlite.Open(t.Context(), path, sqlite.Projections(set))
			require.NoError(t, err)
			return s
		}
	})
}

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

func TestShTimingsView(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quire.db")
	s, db := open(t, path), other(t, path)
	storetest.ShTimings(t, s, func(run domain.RunID) (got []projections.ShTiming, err error) {
		rows, err := db.Query(`SELECT job_id, seq, offset_ms, duration_ms FROM sh_timings WHERE run_id = ? ORDER BY position`, string(run))
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		for rows.Next() {
			var row projections.ShTiming
			var offset, duration sql.NullInt64
			err = errors.Join(err, rows.Scan(&row.JobID, &row.Seq, &offset, &duration))
			row.OffsetMs = projections.Null[int64]{V: offset.Int64, Valid: offset.Valid}
			row.DurationMs = projections.Null[int64]{V: duration.Int64, Valid: duration.Valid}
			got = append(got, row)
		}
		return got, errors.Join(err, rows.Err())
	})
}

// Without the run's row, the offset of a command is null.
func TestShTimingsWithoutRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quire.db")
	writeRun(t, path, "a")
	execute(t, path, `DELETE FROM runs`)
	assert.Equal(t, "null", query(t, path, `SELECT coalesce(offset_ms, 'null') FROM sh_timings`), "offset")
}

// Every program gets the same id of a store, and no other store has it: neither a copy nor
// a new store in the same place.
func TestID(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quire.db")
	id := func(path string) string {
		t.Helper()
		s, err := sqlite.Open(t.Context(), path)
		require.NoError(t, err)
		defer s.Close()
		id, err := s.ID(t.Context())
		require.NoError(t, err)
		require.NotEqual(t, "", id)
		return id
	}
	first := id(path)
	assert.Equal(t, first, id(path))
	link := filepath.Join(t.TempDir(), "link.db")
	require.NoError(t, os.Symlink(path, link))
	assert.Equal(t, first, id(link))
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	copied := filepath.Join(t.TempDir(), "quire.db")
	require.NoError(t, os.WriteFile(copied, content, 0o600))
	assert.NotEqual(t, first, id(copied), "a copy is called the same")
	require.NoError(t, os.Remove(path))
	anew := id(path)
	assert.NotEqual(t, first, anew, "a store that was made anew is called the same")
	// A backup that takes the file's place.
	require.NoError(t, os.Rename(copied, path))
	if restored := id(path); restored == first || restored == anew {
		t.Error("a store that was restored is called the same")
	}
}

// streamFile writes a stream of so many jobs, and returns its source.
func streamFile(t *testing.T, jobs int) store.Source {
	t.Helper()
	path := filepath.Join(t.TempDir(), "run.jsonl")
	var lines []byte
	for i := range jobs {
		lines = fmt.Appendf(lines, `{"at_ms":%d,"type":"job_started","job_id":"%d"}`+"\n", i, i)
	}
	require.NoError(t, os.WriteFile(path, lines, 0o666))
	return jsonl.Locate(path).Source(jsonl.Options{})
}

// A program that has opened the store before it began to keep streams keeps them from then on, too,
// and keeps the streams of runs that are there when it reads them again.
func TestKeepingBeginsForAllPrograms(t *testing.T) {
	path, source := filepath.Join(t.TempDir(), "quire.db"), streamFile(t, 10)
	before := open(t, path)
	result, err := store.Ingest(t.Context(), before, source, store.Options{})
	require.NoError(t, err)
	assert.Equal(t, store.Added, result.Outcome)
	open(t, path, sqlite.KeepStreams())
	for _, want := range []store.Outcome{store.Derived, store.Unchanged} {
		result, err = store.Ingest(t.Context(), before, source, store.Options{})
		require.NoError(t, err)
		assert.Equal(t, want, result.Outcome)
	}
	kept, err := before.Checkpoints(t.Context(), []domain.RunID{"run"})
	require.NoError(t, err)
	assert.True(t, kept["run"].Kept)
}

// The store begins to keep streams while a program is between reading a stream and writing its rows.
func TestKeepingBeginsDuringAnIngest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quire.db")
	s := &late{open(t, path), func() { open(t, path, sqlite.KeepStreams()) }}
	_, err := store.Ingest(t.Context(), s, streamFile(t, 10), store.Options{})
	require.NoError(t, err)
	kept, err := s.Checkpoints(t.Context(), []domain.RunID{"run"})
	require.NoError(t, err)
	assert.True(t, kept["run"].Kept)
}

// late does something before its first transaction.
type late struct {
	*sqlite.Store
	first func()
}

func (l *late) Update(ctx context.Context, do func(store.Tx) error) error {
	if l.first != nil {
		l.first()
		l.first = nil
	}
	return l.Store.Update(ctx, do)
}

// Bytes that somebody has changed are found by verify, and are no stream that is read.
func TestDamagedStream(t *testing.T) {
	path, source := filepath.Join(t.TempDir(), "quire.db"), streamFile(t, 12_000)
	s := open(t, path, sqlite.KeepStreams())
	_, err := store.Ingest(t.Context(), s, source, store.Options{})
	require.NoError(t, err)
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer db.Close()
	var pieces, bytes, packed int64
	require.NoError(t, db.QueryRow(`SELECT count(*), sum(bytes), sum(length(data)) FROM quire_project_pieces`).Scan(&pieces, &bytes, &packed))
	require.Greater(t, pieces, int64(1), "%d bytes are %d in pieces", bytes, packed)
	for _, damage := range []string{
		`UPDATE quire_project_pieces SET data = (SELECT data FROM quire_project_pieces ORDER BY "offset" LIMIT 1 OFFSET 1) WHERE "offset" = 0`,
		`UPDATE quire_project_pieces SET data = x'00' WHERE "offset" = 0`,
		`DELETE FROM quire_project_pieces WHERE "offset" > 0`,
	} {
		_, err = db.Exec(damage)
		require.NoError(t, err)
		var found []store.Difference
		var force bool
		err = store.Verify(t.Context(), s, store.Single(source), store.VerifyOptions{
			Found: func(d store.Difference) { found = append(found, d) },
			Done:  func(v store.Verified) { force = v.Force },
		})
		require.NoError(t, err)
		if assert.Len(t, found, 1) && assert.True(t, force) {
			assert.Equal(t, "kept", found[0].Column)
		}
		_, err = store.Ingest(t.Context(), s, source, store.Options{Force: true})
		require.NoError(t, err)
	}
	err = store.Verify(t.Context(), s, store.Single(source), store.VerifyOptions{Found: func(d store.Difference) { t.Error(d) }})
	require.NoError(t, err)
}
