package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/postgres"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

var ctx = context.Background()

// openError returns the error of opening a store.
func openError(t *testing.T, address string, opts ...postgres.Option) error {
	t.Helper()
	s, err := postgres.Open(ctx, address, opts...)
	if err == nil {
		s.Close()
		t.Fatal("it is opened")
	}
	return err
}

// as returns the address with parameters for new connections, in pairs.
func as(t *testing.T, address string, params ...string) string {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	query := u.Query()
	for i := 0; i < len(params); i += 2 {
		query.Set(params[i], params[i+1])
	}
	u.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20")
	return u.String()
}

// sql runs statements by hand.
func sql(t testing.TB, address string, statements ...string) {
	t.Helper()
	conn := connect(t, address)
	for _, statement := range statements {
		_, err := conn.Exec(ctx, statement)
		require.NoError(t, err, statement)
	}
}

// value returns the only value of a query.
func value[T any](t testing.TB, address, query string, args ...any) (v T) {
	t.Helper()
	require.NoError(t, connect(t, address).QueryRow(ctx, query, args...).Scan(&v), query)
	return v
}

// connect opens a connection for a test.
func connect(t testing.TB, address string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(ctx, address)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close(ctx) })
	return conn
}

// relations counts the relations in schemas other than those of PostgreSQL.
const relations = `SELECT count(*) FROM pg_class WHERE relnamespace IN
(SELECT oid FROM pg_namespace WHERE nspname NOT LIKE 'pg_%' AND nspname <> 'information_schema')`

func TestMustExist(t *testing.T) {
	address := pgtest.Shared(t).NewDatabase(t)
	assert.ErrorIs(t, openError(t, address, postgres.MustExist()), fs.ErrNotExist)
	assert.Equal(t, 0, value[int](t, address, relations), "it leaves")
	open(t, address)
	open(t, address, postgres.MustExist())
}

func TestForeignTables(t *testing.T) {
	for name, statement := range map[string]string{
		"jobs":       `CREATE TABLE jobs (id int)`,
		"sh_timings": `CREATE MATERIALIZED VIEW sh_timings AS SELECT 1`,
	} {
		t.Run(name, func(t *testing.T) {
			address := pgtest.Shared(t).NewDatabase(t)
			sql(t, address, statement)
			for _, opts := range [][]postgres.Option{nil, {postgres.MustExist()}} {
				err := openError(t, address, opts...)
				if !errors.Is(err, store.ErrForeign) || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), `"public"`) {
					t.Error(err)
				}
			}
			assert.Equal(t, 1, value[int](t, address, relations))
		})
	}
}

// A failed migration leaves the table of versions without rows.
func TestForeignTablesBesideVersions(t *testing.T) {
	address := pgtest.Shared(t).NewDatabase(t)
	open(t, address).Close()
	sql(t, address, `DELETE FROM quire_project_schema WHERE version_id > 0`)
	assert.ErrorIs(t, openError(t, address), store.ErrForeign)
}

func TestNewerSchema(t *testing.T) {
	address := pgtest.Shared(t).NewDatabase(t)
	open(t, address).Close()
	sql(t, address, `INSERT INTO quire_project_schema (version_id, is_applied) VALUES (1000000, true)`)
	assert.ErrorIs(t, openError(t, address), store.ErrNewerSchema)
}

func TestSchemaOfOnesOwn(t *testing.T) {
	address := pgtest.Shared(t).NewDatabase(t)
	sql(t, address, `CREATE SCHEMA a`, `CREATE SCHEMA "B b"`, `CREATE TABLE jobs (somebody_elses int)`)
	a := open(t, as(t, address, "search_path", `a, public`))
	b := open(t, as(t, address, "search_path", `"B b"`))
	put(t, a, "in a")
	put(t, b, "in b")
	for s, want := range map[*postgres.Store]domain.RunID{a: "in a", b: "in b"} {
		ids, err := s.RunIDs(ctx, "", 9)
		if err != nil || len(ids) != 1 || ids[0] != want {
			t.Errorf("%v, %v, want %s", ids, err, want)
		}
	}
	err := openError(t, as(t, address, "search_path", `nowhere`))
	assert.Contains(t, err.Error(), "CREATE SCHEMA")
}

// The same id in two schemas names two runs.
func TestSchemasDoNotWait(t *testing.T) {
	address := pgtest.Shared(t).NewDatabase(t)
	sql(t, address, `CREATE SCHEMA a`)
	s, other := open(t, address), open(t, as(t, address, "search_path", "a", "lock_timeout", "5s"))
	err := s.Update(ctx, func(tx store.Tx) error {
		if _, err := tx.Lock([]domain.RunID{"r"}); err != nil {
			return err
		}
		put(t, other, "r")
		return nil
	})
	assert.NoError(t, err)
}

func TestEncoding(t *testing.T) {
	address := pgtest.Shared(t).NewDatabase(t)
	sql(t, address, `CREATE DATABASE latin1 ENCODING 'LATIN1' TEMPLATE template0`)
	defer sql(t, address, `DROP DATABASE latin1 WITH (FORCE)`)
	assert.Contains(t, openError(t, pgtest.Shared(t).URL("latin1")).Error(), "LATIN1")
}

// A role that can only read can open and read a store.
func TestRoleThatReads(t *testing.T) {
	server := pgtest.Shared(t)
	address := server.NewDatabase(t)
	sql(t, address, `DROP ROLE IF EXISTS reader`, `CREATE ROLE reader LOGIN PASSWORD 'secret-reader'`)
	u, err := url.Parse(address)
	require.NoError(t, err)
	u.User = url.UserPassword("reader", "secret-reader")
	reader := u.String()
	assert.ErrorIs(t, openError(t, reader), store.ErrReadOnly, "a new database")

	put(t, open(t, address), "r")
	if err := openError(t, reader); errors.Is(err, store.ErrReadOnly) || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("tables that it may not read: %v", err)
	}
	sql(t, address, `GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader`)
	s := open(t, reader)
	expect(t, s, "r")
	if page, err := s.Runs(ctx, store.Page{}); err != nil || len(page) != 1 {
		t.Errorf("%v, %v", page, err)
	}
	checkUpdate(t, s, store.ErrReadOnly)
	s.Close()
	sql(t, address, `DROP OWNED BY reader`, `DROP ROLE reader`)
}

// Close does not close your pool.
func TestNew(t *testing.T) {
	pool, err := pgxpool.New(ctx, pgtest.Shared(t).NewDatabase(t))
	require.NoError(t, err)
	defer pool.Close()
	s, err := postgres.New(ctx, pool)
	require.NoError(t, err)
	put(t, s, "r")
	expect(t, s, "r")
	assert.NoError(t, s.Close())
	assert.NoError(t, pool.Ping(ctx))
	assert.EqualValues(t, 0, pool.Stat().AcquiredConns())
}

// One connection is enough.
func TestPoolOfOne(t *testing.T) {
	s := open(t, as(t, pgtest.Shared(t).NewDatabase(t), "pool_max_conns", "1"))
	put(t, s, "r")
	expect(t, s, "r")
}

func TestNoServer(t *testing.T) {
	assert.Contains(t, openError(t, "postgres://user@127.0.0.1:1/db").Error(), "127.0.0.1:1")
}

// Text is stored as it is, whatever client encoding a role, a database or an address sets.
func TestClientEncoding(t *testing.T) {
	const run, reversed = "dé€😀", "😀€éd"
	for name, change := range map[string]func(t *testing.T, address string) string{
		"role": func(t *testing.T, address string) string {
			role := "latin"
			sql(t, address, `CREATE ROLE `+role+` LOGIN SUPERUSER PASSWORD 'x'`, `ALTER ROLE `+role+` SET client_encoding = 'LATIN1'`)
			t.Cleanup(func() { sql(t, address, `DROP OWNED BY `+role, `DROP ROLE `+role) })
			return asRole(t, address, role, "x")
		},
		"database": func(t *testing.T, address string) string {
			sql(t, address, `DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET client_encoding = ''LATIN1'''; END $$`)
			return address
		},
		"address": func(t *testing.T, address string) string { return as(t, address, "client_encoding", "LATIN1") },
		"address in capitals": func(t *testing.T, address string) string {
			return as(t, address, "CLIENT_ENCODING", "SQL_ASCII")
		},
	} {
		t.Run(name, func(t *testing.T) {
			plain := pgtest.Shared(t).NewDatabase(t)
			address := change(t, plain)
			s := open(t, address)
			require.NoError(t, s.Update(ctx, func(tx store.Tx) error { return replace(tx, run) }))
			// The server's replacement is of characters, not bytes.
			got := value[string](t, as(t, plain, "client_encoding", "UTF8"), `SELECT reverse(run_id) FROM runs`)
			assert.Equal(t, reversed, got, "in the database stands")
			if runs, err := s.RunIDs(ctx, "", 2); err != nil || len(runs) != 1 || runs[0] != domain.RunID(run) {
				t.Errorf("RunIDs = %q, %v", runs, err)
			}
		})
	}
}

// New rejects a pool that would garble text.
func TestClientEncodingOfPool(t *testing.T) {
	pool, err := pgxpool.New(ctx, as(t, pgtest.Shared(t).NewDatabase(t), "client_encoding", "LATIN1"))
	require.NoError(t, err)
	defer pool.Close()
	if _, err := postgres.New(ctx, pool); err == nil || !strings.Contains(err.Error(), "client_encoding is LATIN1") {
		t.Errorf("New: %v", err)
	}
}

// asRole returns the address for another role.
func asRole(t *testing.T, address, role, password string) string {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	u.User = url.UserPassword(role, password)
	return u.String()
}

// A store works behind a pooler that assigns connections per transaction: every query can
// meet a connection on which the same or another query ran before.
func TestStoreBehindPooler(t *testing.T) {
	server := pgtest.Shared(t)
	direct := server.NewDatabase(t)
	address := server.Bounced(t, direct, 3)
	folder, read := filepath.Join("..", "..", "fixtures"), jsonl.Options{}
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			for range 3 {
				s := open(t, address)
				_, err := store.Rebuild(ctx, s, jsonl.Streams{Paths: []string{folder}, Options: read}, store.Options{Force: true})
				assert.NoError(t, err)
			}
		})
	}
	all.Wait()
	for _, at := range []string{address, direct} {
		runs := 0
		err := store.Verify(ctx, open(t, at), jsonl.Streams{Paths: []string{folder}, Options: read}, store.VerifyOptions{Done: func(v store.Verified) {
			runs++
			assert.NoError(t, v.Err, v.RunID)
			assert.LessOrEqual(t, v.Differences, 0, v.RunID)
		}})
		assert.NoError(t, err)
		assert.GreaterOrEqual(t, runs, 5)
	}
}

// Several programs can make a store at the same time, with fewer connections than
// programs.
func TestMadeAtOnceBehindPooler(t *testing.T) {
	server := pgtest.Shared(t)
	address := server.Bounced(t, server.NewDatabase(t), 3)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			s, err := postgres.Open(ctx, address)
			if err != nil {
				t.Error(err)
				return
			}
			run := domain.RunID(fmt.Sprint("run ", i))
			assert.NoError(t, errors.Join(s.Update(ctx, func(tx store.Tx) error { return replace(tx, run) }), s.Close()))
		})
	}
	all.Wait()
	if runs, err := open(t, address).RunIDs(ctx, "", 10); err != nil || len(runs) != 8 || !slices.IsSorted(runs) {
		t.Errorf("%q, %v", runs, err)
	}
}
