package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/sqlstore"
	"github.com/quire-ci/quire-project/adapters/storetest"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// planner records the query plans of SQLite.
type planner struct {
	*sql.DB
	plans []string
}

func (p *planner) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	p.plans = append(p.plans, plan(ctx, p.DB, query, args...))
	return p.DB.QueryContext(ctx, query, args...)
}

func plan(ctx context.Context, db *sql.DB, query string, args ...any) string {
	rows, err := db.QueryContext(ctx, "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		return err.Error()
	}
	defer rows.Close()
	var steps strings.Builder
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			return err.Error()
		}
		fmt.Fprintln(&steps, step)
	}
	return steps.String()
}

func planned(t *testing.T) *Store {
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "quire.db"))
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

// Pages and lists begin at an index entry: no query reads a table from its start, or sorts
// more than one page.
func TestPagesAreFound(t *testing.T) {
	s := planned(t)
	p := &planner{DB: s.reads}
	reader := sqlstore.NewReader(s.dialect, p)
	for _, page := range storetest.Pages() {
		_, err := reader.Runs(t.Context(), page)
		require.NoError(t, err)
	}
	_, err := reader.RunIDs(t.Context(), "a", 10)
	require.NoError(t, err)
	_, err = reader.Outdated(t.Context(), "a", 10)
	require.NoError(t, err)
	_, err = reader.Checkpoints(t.Context(), []domain.RunID{"a", "b"})
	require.NoError(t, err)
	for _, steps := range p.plans {
		for table := range strings.SplitSeq("runs labels jobs sh_events timings diagnostics", " ") {
			assert.NotContains(t, steps, "SCAN "+table, "a table is read as a whole")
		}
		assert.Contains(t, steps, "SEARCH", "nothing is searched")
	}
}

// latest is the number of the last migration.
func TestLatest(t *testing.T) {
	provider, err := provider(&sql.DB{})
	require.NoError(t, err)
	sources := provider.ListSources()
	assert.EqualValues(t, latest, sources[len(sources)-1].Version)
}

// Rows wait only while their text is short, because 256 commands may have gigabytes.
func TestLongTextDoesNotWait(t *testing.T) {
	s := planned(t)
	session, err := s.acquire(t.Context())
	require.NoError(t, err)
	defer s.release(session, false)
	i := newInserter(t.Context(), session, s.checkpoints)
	defer i.wait()
	cmd := strings.Repeat("x", maxText/3)
	for n := range 20 {
		rows := store.RowsOf(projections.ShEvents, projections.Row[projections.ShEvent]{Index: n, Value: projections.ShEvent{JobID: "build", Seq: n, Cmd: cmd}})
		require.NoError(t, i.rows(s.tables[rows.Of], any("a"), rows))
		if b := i.pending[s.tables[rows.Of].way(rows.At(0), 0)]; b != nil && b.rows > 2 {
			t.Fatalf("%d commands of %d bytes wait", b.rows, len(cmd))
		}
	}
}

// The remaining rows are inserted by statements of few sizes.
func TestPortions(t *testing.T) {
	sizes := map[int]bool{}
	for rows := 1; rows <= maxRows; rows++ {
		n := portion(rows)
		if n < 1 || n > rows || 4*n <= rows && n != maxRows {
			t.Errorf("%d rows: %d at once", rows, n)
		}
		sizes[n] = true
	}
	assert.LessOrEqual(t, len(sizes), 5)
}
