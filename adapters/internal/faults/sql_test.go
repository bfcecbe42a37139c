//go:build unix

package faults

import (
	"context"
	"database/sql"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// connect opens a connection of another program until the test ends.
func connect(t testing.TB, db database) *sql.Conn {
	t.Helper()
	driver, name := "pgx", db.address
	if file, ok := strings.CutPrefix(db.address, "sqlite:"); ok {
		driver, name = "sqlite", file
	}
	pool, err := sql.Open(driver, name)
	require.NoError(t, err)
	conn, err := pool.Conn(context.Background()) // clean-ups use it, too
	require.NoError(t, err)
	t.Cleanup(func() {
		conn.Close()
		pool.Close()
	})
	return conn
}

// execute runs statements.
func execute(t testing.TB, conn *sql.Conn, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		_, err := conn.ExecContext(context.Background(), statement)
		require.NoError(t, err, statement)
	}
}

// ask returns the value of a query.
func ask(t testing.TB, conn *sql.Conn, query string) (value string) {
	t.Helper()
	require.NoError(t, conn.QueryRowContext(t.Context(), query).Scan(&value), query)
	return value
}

// with returns an address with another parameter.
func with(t testing.TB, address, key, value string) string {
	t.Helper()
	u := parsed(t, address)
	query := u.Query()
	query.Set(key, value)
	u.RawQuery = query.Encode()
	return u.String()
}

// nameOf returns the name of the database at an address.
func nameOf(t testing.TB, address string) string {
	t.Helper()
	return strings.TrimPrefix(parsed(t, address).Path, "/")
}

func parsed(t testing.TB, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	return u
}
