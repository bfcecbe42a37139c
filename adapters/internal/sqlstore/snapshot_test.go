package sqlstore_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/sqlstore"
	"github.com/quire-ci/quire-project/adapters/sqlite"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// rows are the rows of a query with a given answer.
type rows struct {
	query        string
	args         []any
	values       [][]any
	failed       error // after the values
	closed       int
	failsToClose error
}

func (r *rows) Next() bool { return len(r.values) > 0 }
func (r *rows) Err() error { return r.failed }

func (r *rows) Scan(columns ...any) error {
	values := r.values[0]
	r.values = r.values[1:]
	for i, column := range columns {
		if err := column.(sql.Scanner).Scan(values[i]); err != nil {
			return err
		}
	}
	return nil
}

func (r *rows) Close() error {
	r.closed++
	return r.failsToClose
}

// snapshot answers every query of a snapshot with r.
func snapshot(r *rows, d sqlstore.Dialect) store.Snapshot {
	d.Stream = func(_ context.Context, _ *sql.Tx, query string, args ...any) (sqlstore.Rows, error) {
		r.query, r.args = query, args
		return r, nil
	}
	return d.Snapshot(context.Background(), nil, "a run")
}

func job(position, state any) []any { return []any{position, false, "build", state, nil, nil, nil} }

func jobs(s store.Snapshot) iter.Seq2[projections.AnyRow, error] {
	return s.Rows(projections.Jobs.Definition)
}

// sequence returns how often a sequence yields, and its last error.
func sequence[R any](rows iter.Seq2[R, error]) (n int, last error) {
	for _, err := range rows {
		n++
		last = err
	}
	return n, last
}

// However a sequence ends, its rows are closed once, and no error is lost.
func TestSequencesEnd(t *testing.T) {
	broken := errors.New("the connection broke")
	for name, test := range map[string]struct {
		rows rows
		n    int
		err  error
	}{
		"no rows":            {rows{}, 0, nil},
		"all rows":           {rows{values: [][]any{job(int64(1), "active"), job(int64(2), "active")}}, 2, nil},
		"no first row":       {rows{failed: broken}, 1, broken},
		"no more rows":       {rows{values: [][]any{job(int64(1), "active")}, failed: broken}, 2, broken},
		"failing to close":   {rows{values: [][]any{job(int64(1), "active")}, failsToClose: broken}, 2, broken},
		"failing in the end": {rows{failed: broken, failsToClose: errors.New("another one")}, 1, broken},
	} {
		t.Run(name, func(t *testing.T) {
			n, err := sequence(jobs(snapshot(&test.rows, sqlstore.Dialect{})))
			assert.Equal(t, test.n, n)
			assert.ErrorIs(t, err, test.err)
			if err != nil && !strings.Contains(err.Error(), `read jobs of run "a run"`) {
				t.Errorf("%v does not say what failed", err)
			}
			assert.Equal(t, 1, test.rows.closed, "closed")
		})
	}
}

// A sequence that ends early closes its rows, and yields no error if that fails.
func TestSequenceBrokenOff(t *testing.T) {
	r := &rows{values: [][]any{job(int64(1), "active"), job(int64(2), "active")}, failsToClose: errors.New("cannot")}
	for row, err := range jobs(snapshot(r, sqlstore.Dialect{})) {
		assert.NoError(t, err, "row %v", row)
		assert.Equal(t, 0, row.Index, "row %v", row)
		break
	}
	if r.closed != 1 || len(r.values) != 1 {
		t.Errorf("closed %d times, with %d rows left", r.closed, len(r.values))
	}
}

// A value of the wrong type is an error, never a wrong row.
func TestColumns(t *testing.T) {
	const tooLarge = int64(1) << 40
	for _, values := range [][]any{
		job("1", "active"),
		job(1.0, "active"),
		job(int64(1), nil),
		job(int64(1), int64(3)),
		{int64(1), int64(0), "build", "active", "now", nil, nil},
		{int64(1), int64(0), "build", "active", nil, nil, tooLarge},
		{int64(1), nil, "build", "active", nil, nil, nil},
		job(nil, "active"),
	} {
		_, err := sequence(jobs(snapshot(&rows{values: [][]any{values}}, sqlstore.Dialect{})))
		assert.Error(t, err, "%v was read", values)
	}
	for _, text := range []any{"active", []byte("active")} {
		for row, err := range jobs(snapshot(&rows{values: [][]any{job(int64(1), text)}}, sqlstore.Dialect{})) {
			if err != nil || row.Index != 0 || projections.Jobs.At(row.Value).State != "active" || projections.Jobs.At(row.Value).ExitCode.Valid {
				t.Errorf("row %v, %v", row, err)
			}
		}
	}
}

// A null value does not keep the value of the row before.
func TestNullAfterValue(t *testing.T) {
	r := &rows{values: [][]any{
		{int64(1), int64(1), "build", "failed", int64(7), int64(8), int64(9)},
		{int64(2), int64(0), "test", "active", nil, nil, nil},
	}}
	for row, err := range jobs(snapshot(r, sqlstore.Dialect{})) {
		if v := projections.Jobs.At(row.Value); err != nil || row.Final != (row.Index == 0) || row.Index == 1 && (v.StartedAtMs.V != 0 || v.StartedAtMs.Valid || v.FinishedAtMs.Valid || v.ExitCode.V != 0) {
			t.Errorf("row %v, %v", row, err)
		}
	}
}

// A dialect replaces placeholders and encodes texts, in queries and in results.
func TestDialect(t *testing.T) {
	d := sqlstore.Dialect{
		Dollars: true,
		Encode:  func(s string) string { return "<" + s },
		Decode:  func(s string) string { return s + ">" },
		Error:   func(err error) error { return fmt.Errorf("in the database: %w", err) },
	}
	r := &rows{values: [][]any{{int64(1), false, "build", int64(1), "echo", int64(0), nil, nil}}}
	for row, err := range snapshot(r, d).Rows(projections.ShEvents.Definition) {
		if err != nil || projections.ShEvents.At(row.Value).JobID != "build>" || projections.ShEvents.At(row.Value).Cmd != "echo>" {
			t.Errorf("row %v, %v", row, err)
		}
	}
	if strings.Contains(r.query, "?") || !strings.Contains(r.query, "$1") || len(r.args) != 1 || r.args[0] != "<a run" {
		t.Errorf("query %s with %q", r.query, r.args)
	}
	r = &rows{values: [][]any{{int64(1), true, "torn_tail", int64(1), int64(0), "build"}}}
	for row, err := range snapshot(r, d).Rows(projections.Diagnostics.Definition) {
		if err != nil || projections.Diagnostics.At(row.Value).Code != "torn_tail>" || projections.Diagnostics.At(row.Value).JobID.V != "build>" {
			t.Errorf("row %v, %v", row, err)
		}
	}
	_, err := sequence(jobs(snapshot(&rows{failed: errors.New("no")}, d)))
	assert.ErrorContains(t, err, "in the database: no")
}

// openSQLite makes tables to read.
func openSQLite(t *testing.T) *sql.DB {
	t.Helper()
	path := filepath.Join(t.TempDir(), "quire.db")
	s, err := sqlite.Open(t.Context(), path)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	return db
}

// All sequences of a snapshot can be open at once, on one connection.
func TestSequencesInTurn(t *testing.T) {
	db := openSQLite(t)
	for i := range 100 {
		_, err := db.Exec(`INSERT INTO jobs VALUES ('a', ?1, 'active', NULL, NULL, NULL, ?1, 0);
INSERT INTO sh_events VALUES ('a', ?1, 1, 'echo', 0, NULL, NULL, ?1, 0);
INSERT INTO timings VALUES ('a', ?1, NULL, NULL, 1, NULL, NULL, ?1, 0);
INSERT INTO diagnostics VALUES ('a', 'torn_tail', ?1, 0, NULL, ?1, 1)`, i+1)
		require.NoError(t, err)
	}
	tx, err := db.Begin()
	require.NoError(t, err)
	defer tx.Rollback()
	s := (&sqlstore.Dialect{}).Snapshot(t.Context(), tx, "a")
	var next []func() (int, error)
	for _, name := range []string{"jobs", "sh_events", "timings.jobs", "diagnostics"} {
		of, err := projections.Choose(projections.Builtin.Stored(), []string{name})
		require.NoError(t, err)
		next = append(next, pull(t, s.Rows(of[0])))
	}
	for i := range 100 {
		for which, next := range next {
			if n, err := next(); err != nil || n != i {
				t.Fatalf("sequence %d, row %d: index %d, %v", which, i, n, err)
			}
		}
		if _, ok, err := s.Checkpoint(); ok || err != nil {
			t.Fatalf("Checkpoint: %v, %v", ok, err)
		}
		if n, err := sequence(s.Rows(projections.RunTable.Definition)); n != 0 || err != nil {
			t.Fatalf("the run's row: %v, %v", n, err)
		}
	}
}
