package sqlstore_test

import (
	"context"
	"database/sql"
	"errors"
	"iter"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/quire-ci/quire-project/adapters/internal/sqlstore"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// rows are the rows of a query with a given answer.
type rows struct {
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
func snapshot(r *rows) store.Snapshot {
	var d sqlstore.Dialect
	d.Stream = func(context.Context, *sql.Tx, string, ...any) (sqlstore.Rows, error) { return r, nil }
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
			n, err := sequence(jobs(snapshot(&test.rows)))
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
	for row, err := range jobs(snapshot(r)) {
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
		_, err := sequence(jobs(snapshot(&rows{values: [][]any{values}})))
		assert.Error(t, err, "%v was read", values)
	}
	for _, text := range []any{"active", []byte("active")} {
		for row, err := range jobs(snapshot(&rows{values: [][]any{job(int64(1), text)}})) {
			if err != nil || row.Index != 0 || projections.Jobs.At(row.Value).State != "active" || projections.Jobs.At(row.Value).ExitCode.Valid {
				t.Errorf("row %v, %v", row, err)
			}
		}
	}
}
