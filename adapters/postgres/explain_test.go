package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
	"github.com/quire-ci/quire-project/adapters/internal/sqlstore"
	"github.com/quire-ci/quire-project/adapters/storetest"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// planner records the query plans of PostgreSQL.
type planner struct {
	*sql.Conn
	plans []string
}

func (p *planner) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := p.explain(ctx, query, args...); err != nil {
		return nil, err
	}
	return p.Conn.QueryContext(ctx, query, args...)
}

func (p *planner) explain(ctx context.Context, query string, args ...any) error {
	rows, err := p.Conn.QueryContext(ctx, "EXPLAIN "+query, append([]any{pgx.QueryExecModeSimpleProtocol}, args...)...)
	if err != nil {
		return fmt.Errorf("%s: %w", query, err)
	}
	defer rows.Close()
	var steps strings.Builder
	for rows.Next() {
		var step string
		if err := rows.Scan(&step); err != nil {
			return err
		}
		fmt.Fprintln(&steps, step)
	}
	p.plans = append(p.plans, query+"\n"+steps.String())
	return rows.Err()
}

// Every read and delete of a run's rows uses an index: no query reads a table from end to
// end, and the rows of a run come in order. The test disables other plans, because
// PostgreSQL chooses any plan for empty tables.
func TestRowsAreFound(t *testing.T) {
	ctx := t.Context()
	s, err := Open(ctx, pgtest.Shared(t).NewDatabase(t))
	require.NoError(t, err)
	defer s.Close()
	conn, err := s.db.Conn(ctx)
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.ExecContext(ctx, `SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off`)
	require.NoError(t, err)
	p := &planner{Conn: conn}
	check := func(failed error, allowed string) {
		t.Helper()
		require.NoError(t, failed)
		for _, plan := range p.plans {
			for _, bad := range []string{"Seq Scan", "Sort", "Join"} {
				if bad != allowed && strings.Contains(plan, bad) {
					t.Errorf("there is a %s:\n%s", bad, plan)
				}
			}
			assert.Contains(t, plan, "Index", "no index is used")
		}
		p.plans = nil
	}
	for i, of := range projections.Builtin.Stored() {
		check(p.explain(ctx, fmt.Sprintf(`SELECT * FROM %q WHERE run_id = $1 ORDER BY position`, of.Table), "a"), map[bool]string{true: "Sort"}[of.Single])
		check(p.explain(ctx, s.dialect.SQL(fmt.Sprintf(clearTable, of.Table)), []string{"a", "b"}), "")
		check(p.explain(ctx, s.tables[i].remove, []string{"a", "b"}, []int64{1, 2}), "")
		check(p.explain(ctx, s.tables[i].removeFrom, []string{"a", "b"}, []int64{1, 2}), "")
	}
	reader := sqlstore.NewReader(s.dialect, p)
	_, err = reader.Checkpoints(ctx, []domain.RunID{"a", "b"})
	check(err, "")
	_, err = reader.RunIDs(ctx, "a", 10)
	check(err, "Sort") // of what is returned
	_, err = reader.Outdated(ctx, "a", 10)
	check(err, "")
}

// manyRuns makes 20,000 runs. Two of three have the label main.
const manyRuns = `INSERT INTO runs SELECT 'run-' || i, CASE i % 10 WHEN 3 THEN 'failed' ELSE 'complete' END, i % 50 <> 7, 0, 0, 0, 0, 0, 0, 0, i, i, 0, 0, 0, 0, 1, false FROM generate_series(1, 20000) AS i;
INSERT INTO labels SELECT 'run-' || i, key, CASE WHEN key = 'sha' THEN md5(i::text) WHEN i % 3 = 0 THEN 'feature-' || i ELSE 'main' END, 1 + (key = 'sha')::int, true
FROM generate_series(1, 20000) AS i, unnest('{ref, sha}'::text[]) AS key;
ANALYZE`

// counter runs queries, and fails the test if a step of one reads many of them.
type counter struct {
	*sql.Conn
	t *testing.T
}

var steps = regexp.MustCompile(`actual rows=(\d+) loops=(\d+)|(Rows Removed by Filter): (\d+)`)

func (c counter) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	args = append([]any{pgx.QueryExecModeSimpleProtocol}, args...)
	rows, err := c.Conn.QueryContext(ctx, "EXPLAIN (ANALYZE, TIMING OFF) "+query, args...)
	require.NoError(c.t, err, query)
	plan, most := "", 0
	for rows.Next() {
		var line string
		require.NoError(c.t, rows.Scan(&line))
		plan += line + "\n"
		for _, step := range steps.FindAllStringSubmatch(line, -1) {
			n, _ := strconv.Atoi(step[1] + step[4])
			loops, _ := strconv.Atoi(step[2])
			most = max(most, n*max(loops, 1))
		}
	}
	require.NoError(c.t, rows.Err())
	if most > 4_100 {
		c.t.Errorf("%d rows are read:\n%s\n%v\n%s", most, query, args, plan)
	}
	return c.Conn.QueryContext(ctx, query, args...)
}

// Pages read few rows of a large store, for each filter and place.
func TestPagesReadFewRows(t *testing.T) {
	s, err := Open(t.Context(), pgtest.Shared(t).NewDatabase(t))
	require.NoError(t, err)
	defer s.Close()
	conn, err := s.db.Conn(t.Context())
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.ExecContext(t.Context(), manyRuns)
	require.NoError(t, err)
	_, err = conn.ExecContext(t.Context(), "BEGIN; "+pagePlans)
	require.NoError(t, err)
	for _, page := range storetest.Pages() {
		_, err := sqlstore.NewReader(s.dialect, counter{conn, t}).Runs(t.Context(), page)
		require.NoError(t, err)
	}
}

// Few rows are held at a time: some hundreds where they are small, less where
// they are large.
func TestCursorHoldsFewRows(t *testing.T) {
	ctx := context.Background()
	s, err := Open(ctx, pgtest.Shared(t).NewDatabase(t))
	require.NoError(t, err)
	defer s.Close()
	for _, test := range []struct {
		name, query string
		fetches     []int
	}{
		{"none", `SELECT 1 WHERE false`, nil},
		{"as many as a fetch has", `SELECT 1 FROM generate_series(1, 64)`, []int{64}},
		{"small", `SELECT 1 FROM generate_series(1, 2000)`, []int{64, 512, 512, 512, 400}},
		{"large", `SELECT repeat('x', 100000) FROM generate_series(1, 150)`, []int{64, 8, 64, 8, 6}},
		{"larger", `SELECT repeat('x', 1000000) FROM generate_series(1, 75)`, []int{64, 8, 1, 2}},
	} {
		t.Run(test.name, func(t *testing.T) {
			tx, err := s.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
			require.NoError(t, err)
			defer tx.Rollback()
			rows, err := (&cursors{}).open(ctx, tx, test.query)
			require.NoError(t, err)
			var fetches []int
			for held := 0; rows.Next(); held-- {
				if held == 0 {
					held = len(rows.(*cursor).rows) + 1
					fetches = append(fetches, held)
				}
			}
			assert.NoError(t, rows.Err(), "fetches")
			assert.Equal(t, test.fetches, fetches, "fetches")
		})
	}
}

// The settings of a transaction end with it.
func TestSettings(t *testing.T) {
	ctx := context.Background()
	address := pgtest.Shared(t).NewDatabase(t)
	for _, test := range []struct {
		opts []Option
		want string
	}{{nil, "off"}, {[]Option{Durable()}, "on"}} {
		s, err := Open(ctx, address, test.opts...)
		require.NoError(t, err)
		defer s.Close()
		const settings = `SELECT current_setting('synchronous_commit'), coalesce(current_setting('quire_project.writer', true), '')`
		var commit, writer string
		err = s.Update(ctx, func(t store.Tx) error {
			return t.(*tx).pg.QueryRow(ctx, settings).Scan(&commit, &writer)
		})
		if err != nil || commit != test.want || writer != "store" {
			t.Errorf("in a transaction: %q, %q, %v", commit, writer, err)
		}
		if err := s.pool.QueryRow(ctx, settings).Scan(&commit, &writer); err != nil || commit != "on" || writer != "" {
			t.Errorf("behind it: %q, %q, %v", commit, writer, err)
		}
	}
}
