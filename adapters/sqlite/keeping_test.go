package sqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/sqlite"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

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
