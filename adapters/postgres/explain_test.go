package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
	"github.com/quire-ci/quire-project/adapters/internal/sqlstore"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
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
