//go:build unix

package faults

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
	"github.com/quire-ci/quire-project/adapters/postgres"
	"github.com/quire-ci/quire-project/adapters/sqlite"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// opened is an open store.
type opened interface {
	store.Store
	io.Closer
}

// database is the place of a store, which may not exist yet.
type database struct {
	// address is the argument of --to.
	address string
	// connect opens the store, if it exists.
	connect func(context.Context) (opened, error)
}

// kinds are the kinds of stores, each with a function that makes empty databases.
var kinds = []struct {
	name string
	each func(*testing.T) (fresh func() database)
}{
	{"SQLite", func(t *testing.T) func() database {
		return func() database { return sqliteIn(t.TempDir()) }
	}},
	{"PostgreSQL", func(t *testing.T) func() database {
		address, schemas := pgtest.Shared(t).NewDatabase(t), 0
		control := connect(t, postgresAt(address))
		return func() database { // a schema, which is made faster than a database
			schemas++
			name := fmt.Sprintf("schema%d", schemas)
			execute(t, control, "CREATE SCHEMA "+name)
			return postgresAt(with(t, address, "search_path", name))
		}
	}},
}

// eachKind runs a test with each kind of store.
func eachKind(t *testing.T, do func(t *testing.T, fresh func() database)) {
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) { do(t, kind.each(t)) })
	}
}

func sqliteIn(folder string) database {
	file := filepath.Join(folder, "quire.db")
	return database{"sqlite:" + file, func(ctx context.Context) (opened, error) {
		return sqlite.Open(ctx, file, sqlite.MustExist())
	}}
}

func postgresAt(address string) database {
	return database{address, func(ctx context.Context) (opened, error) {
		return postgres.Open(ctx, address, postgres.MustExist())
	}}
}

// open opens an existing store until the test ends.
func (d database) open(t testing.TB) opened {
	t.Helper()
	s := d.openIfThere(t)
	require.NotNil(t, s, "there is no store")
	return s
}

// openIfThere opens the store, or returns nil if there is none yet.
func (d database) openIfThere(t testing.TB) opened {
	t.Helper()
	s, err := d.connect(t.Context())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

// verified expects that verify finds nothing.
func verified(t testing.TB, source string, db database) {
	t.Helper()
	run(t, "verify", source, "--to", db.address).succeeds(t)
}

// look is a reader of a database. It sometimes keeps its store open, and sometimes opens
// another one, which has to recover the files of a killed program.
type look struct {
	db    database
	rnd   *rand.Rand
	keep  bool   // always keep the store open
	store opened // nil if there is none yet
}

// again prepares the next read.
func (l *look) again(t testing.TB) {
	t.Helper()
	if !l.keep && l.rnd.IntN(2) == 0 {
		l.close()
	}
	if l.store == nil {
		l.store = l.db.openIfThere(t)
	}
}

func (l *look) close() {
	if l.store != nil {
		l.store.Close()
		l.store = nil
	}
}

// read returns all that is stored of a run; nil if there is nothing.
func (l *look) read(t testing.TB, run domain.RunID) *projections.Record {
	t.Helper()
	if l.store == nil {
		return nil
	}
	record := readRecord(t, l.store, run)
	if keeps, err := l.store.Keeps(t.Context()); record != nil && keeps {
		keptWith(t, l.store, run)
	} else {
		require.NoError(t, err)
	}
	return record
}

// keptWith fails unless the store keeps the stream that the rows of a run were derived from.
func keptWith(t testing.TB, s store.Store, run domain.RunID) {
	t.Helper()
	known, err := s.Checkpoints(t.Context(), []domain.RunID{run})
	if require.NoError(t, err); !known[run].Kept {
		t.Fatalf("run %s has rows, but its stream is not kept", run)
	}
	_, err = io.Copy(io.Discard, store.KeptReader(t.Context(), s, run, known[run].End))
	require.NoError(t, err)
}
