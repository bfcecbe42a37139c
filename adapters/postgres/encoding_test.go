package postgres_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
	"github.com/quire-ci/quire-project/adapters/postgres"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

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
