package sqlite_test

import (
	"database/sql"
	"strings"

	"github.com/stretchr/testify/require"
)

// These functions use a handle of their own, as other programs do.

// other opens a database as another program would.
func other(t tester, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	return db
}

// execute runs statements as another program would.
func execute(t tester, path, statements string, args ...any) {
	t.Helper()
	db := other(t, path)
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statements, args...); err != nil {
		t.Fatal(err)
	}
}

// query returns the values of a query's one column, with spaces between.
func query(t tester, path, query string, args ...any) string {
	t.Helper()
	db := other(t, path)
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), query, args...)
	require.NoError(t, err)
	defer rows.Close()
	var values []string
	for rows.Next() {
		var value string
		require.NoError(t, rows.Scan(&value))
		values = append(values, value)
	}
	require.NoError(t, rows.Err())
	return strings.Join(values, " ")
}
