package postgres_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
	"github.com/quire-ci/quire-project/adapters/postgres"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// No query uses a plan that was made for smaller tables.
func TestPlansAreFresh(t *testing.T) {
	pool, err := pgxpool.New(ctx, as(t, pgtest.Shared(t).NewDatabase(t), "pool_max_conns", "1"))
	require.NoError(t, err)
	defer pool.Close()
	s, err := postgres.New(ctx, pool)
	require.NoError(t, err)
	for range 10 { // PostgreSQL keeps a plan from the sixth time on
		put(t, s, "a", "b")
		expect(t, s, "a", "b")
		err := s.Update(ctx, func(tx store.Tx) error { return again(tx, "a", "b") })
		require.NoError(t, err)
		_, err = s.Runs(ctx, store.Page{})
		if err == nil {
			_, err = s.RunIDs(ctx, "", 9)
		}
		require.NoError(t, err)
	}
	rows, err := pool.Query(ctx, `SELECT statement FROM pg_prepared_statements WHERE generic_plans > 0 AND statement LIKE '%' || $1 || '%'`, "run_id")
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var statement string
		require.NoError(t, rows.Scan(&statement))
		t.Errorf("a plan is kept of %s", statement)
	}
	assert.NoError(t, rows.Err())
}

// Without statistics, no statement that writes a few runs reads a table from end to end.
func TestTablesAreNotScanned(t *testing.T) {
	address := pgtest.Shared(t).NewDatabase(t)
	open(t, address).Close()
	before := scans(t, address)
	s := open(t, address)
	for group := range 20 {
		var runs []domain.RunID
		for i := range 50 {
			runs = append(runs, domain.RunID(fmt.Sprintf("run-%d-%d", group, i)))
		}
		put(t, s, runs...)
		put(t, s, runs...)
		require.NoError(t, s.Update(ctx, func(tx store.Tx) error { return again(tx, runs...) }))
	}
	s.Close()
	if n := scans(t, address) - before; n > 0 {
		t.Errorf("tables were read from end to end, %d times", n)
	}
}

// scans counts how often tables were read from end to end. A session reports that at its
// end, so close the store before.
func scans(t *testing.T, address string) int64 {
	t.Helper()
	for value[bool](t, address, `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'quire-project')`) {
		time.Sleep(10 * time.Millisecond)
	}
	return value[int64](t, address, `SELECT sum(seq_scan)::bigint FROM pg_stat_user_tables WHERE relname NOT IN ('quire_project_schema', 'quire_project_projections', 'quire_project_store')`)
}

// The store works with every mode of running queries, because some poolers do not support
// prepared statements.
func TestQueryExecModes(t *testing.T) {
	address := pgtest.Shared(t).NewDatabase(t)
	for _, mode := range []string{"cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"} {
		s := open(t, as(t, address, "default_query_exec_mode", mode))
		run := domain.RunID(mode)
		put(t, s, run)
		expect(t, s, run)
		assert.NoError(t, s.Update(ctx, func(tx store.Tx) error { return again(tx, run) }), mode)
		if ids, err := s.RunIDs(ctx, "", 9); err != nil || !slices.Contains(ids, run) {
			t.Errorf("%s: %q, %v", mode, ids, err)
		}
	}
}
