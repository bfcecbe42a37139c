// Package cookbook tests the SQL of docs/sql.md and docs/operating.md.
package cookbook

import (
	"context"
	"database/sql"
	"os"
	"regexp"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/postgres"
	"github.com/quire-ci/quire-project/adapters/sqlite"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

var query = regexp.MustCompile("(?s)```sql ?(\\w*)\n(.*?)```")

// Every query of the cookbook runs on the databases that it is for, and finds
// something in the recorded runs; but for those that ask for the time of day,
// since the runs were some week or other.
func TestQueries(t *testing.T) {
	page, err := os.ReadFile("../../../docs/sql.md")
	require.NoError(t, err)
	queries := query.FindAllStringSubmatch(string(page), -1)
	require.GreaterOrEqual(t, len(queries), 10, "only")
	for name, open := range map[string]func(*testing.T) *sql.DB{"sqlite": openSQLite, "postgres": openPostgres} {
		t.Run(name, func(t *testing.T) {
			db := open(t)
			for _, q := range queries {
				if q[1] == "" || q[1] == name {
					run(t, db, q[2], q[1] == "")
				}
			}
		})
	}
}

// The statements that docs/operating.md has for deleting a run leave nothing of it.
func TestDeleteRun(t *testing.T) {
	page, err := os.ReadFile("../../../docs/operating.md")
	require.NoError(t, err)
	statements := strings.ReplaceAll(query.FindStringSubmatch(string(page))[2], "'42'", "'rapid-ci'")
	for name, open := range map[string]func(*testing.T) *sql.DB{"sqlite": openSQLite, "postgres": openPostgres} {
		t.Run(name, func(t *testing.T) {
			db := open(t)
			_, err := db.ExecContext(t.Context(), statements)
			require.NoError(t, err)
			for _, table := range append(tables(), "checkpoints", "held_segments", "quarantined_runs") {
				left := 0
				require.NoError(t, db.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table+" WHERE run_id = 'rapid-ci'").Scan(&left))
				require.Zero(t, left, table)
			}
		})
	}
}

// tables are those of the built-in projections.
func tables() (names []string) {
	for _, of := range projections.Builtin.Stored() {
		names = append(names, of.Table)
	}
	return names
}

func run(t *testing.T, db *sql.DB, query string, finds bool) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Errorf("%v:\n%s", err, query)
		return
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		n++
	}
	if err := rows.Err(); err != nil || finds && n == 0 {
		t.Errorf("%d rows, %v:\n%s", n, err, query)
	}
}

func openSQLite(t *testing.T) *sql.DB {
	path := t.TempDir() + "/quire.db"
	s, err := sqlite.Open(t.Context(), path)
	require.NoError(t, err)
	fill(t, s)
	require.NoError(t, s.Close())
	return connect(t, "sqlite", path)
}

func openPostgres(t *testing.T) *sql.DB {
	url := pgtest.Shared(t).NewDatabase(t)
	s, err := postgres.Open(t.Context(), url)
	require.NoError(t, err)
	fill(t, s)
	require.NoError(t, s.Close())
	return connect(t, "pgx", url)
}

// fill takes the recorded runs in.
func fill(t *testing.T, s store.Store) {
	t.Helper()
	summary, err := store.Rebuild(context.Background(), s, jsonl.Folder("../../../fixtures"), store.Options{})
	require.NoError(t, err, summary)
	require.GreaterOrEqual(t, summary.Runs[store.Added], 5, summary)
}

func connect(t *testing.T, driver, address string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}
