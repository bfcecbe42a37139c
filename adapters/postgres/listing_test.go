package postgres

import (
	"context"
	"database/sql"
	"regexp"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
	"github.com/quire-ci/quire-project/adapters/internal/sqlstore"
	"github.com/quire-ci/quire-project/adapters/storetest"
)

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
