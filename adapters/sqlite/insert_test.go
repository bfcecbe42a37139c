package sqlite_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// However rows are inserted, few or many, of one run or of several in turn, short or long,
// each row is stored with its own values.
func TestInsertedAsGiven(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quire.db")
	s := open(t, path)
	try := 0
	rapid.Check(t, func(t *rapid.T) {
		try++
		counts := rapid.OneOf(rapid.IntRange(0, 5), rapid.IntRange(0, 300), rapid.SampledFrom([]int{1, 4, 15, 16, 17, 64, 255, 256, 257, 600}))
		runs := rapid.SliceOfNDistinct(rapid.IntRange(0, 9), 1, 4, rapid.ID).Draw(t, "runs")
		rows := map[domain.RunID]*given{}
		var order []*store.Rows
		for range rapid.IntRange(1, 8).Draw(t, "inserts") {
			run := domain.RunID(fmt.Sprintf("try-%d-%d", try, rapid.SampledFrom(runs).Draw(t, "run")))
			if rows[run] == nil {
				rows[run] = &given{}
			}
			order = append(order, rows[run].more(run, counts.Draw(t, "count"), rapid.SampledFrom([]int{0, 10, 200_000}).Draw(t, "text")))
		}
		err := s.Update(t.Context(), func(tx store.Tx) error {
			for _, part := range order {
				if err := tx.Insert(part); err != nil {
					return err
				}
				for _, table := range part.Tables {
					table.Reset() // the caller's again
				}
			}
			return nil
		})
		require.NoError(t, err)
		for run, want := range rows {
			require.NoError(t, s.View(t.Context(), run, want.same), run)
		}
		var ids []domain.RunID
		for run := range rows {
			ids = append(ids, run)
		}
		require.NoError(t, s.Update(t.Context(), func(tx store.Tx) error { return tx.Clear(ids, s.Projections().Stored()) }))
	})
}

// given are the rows of a run.
type given struct {
	sh   []projections.Row[projections.ShEvent]
	jobs []projections.Row[projections.Job]
}

// more adds rows to those of a run, and returns the new ones. Few of their texts are long,
// to save time.
func (g *given) more(run domain.RunID, count, text int) *store.Rows {
	before := len(g.sh)
	for n := before; n < before+count; n++ {
		cmd := fmt.Sprint(run, " ", n)
		if n%50 == 0 {
			cmd += strings.Repeat("x", text)
		}
		id := fmt.Sprint("job-", n)
		g.sh = append(g.sh, projections.Row[projections.ShEvent]{Index: n, Final: n%3 == 0, Value: projections.ShEvent{JobID: id, Seq: n, Cmd: cmd, StartedAtMs: int64(-n)}})
		g.jobs = append(g.jobs, projections.Row[projections.Job]{Index: n, Final: n%2 == 0, Value: projections.Job{JobID: id, State: projections.Failed, ExitCode: projections.Some(int32(n))}})
	}
	return &store.Rows{RunID: run, Tables: []store.TableRows{
		store.RowsOf(projections.ShEvents, slices.Clone(g.sh[before:])...), store.RowsOf(projections.Jobs, slices.Clone(g.jobs[before:])...),
	}}
}

func (g *given) same(snapshot store.Snapshot) error {
	return errors.Join(sameRows(snapshot, projections.ShEvents, g.sh), sameRows(snapshot, projections.Jobs, g.jobs))
}

func sameRows[R comparable](snapshot store.Snapshot, of *projections.Defined[R], want []projections.Row[R]) error {
	n := 0
	for row, err := range snapshot.Rows(of.Definition) {
		if err != nil {
			return err
		}
		if got := (projections.Row[R]{Index: row.Index, Final: row.Final, Value: *of.At(row.Value)}); n >= len(want) || got != want[n] {
			return fmt.Errorf("%s: row %d is not what it was", of.Table, n)
		}
		n++
	}
	if n != len(want) {
		return fmt.Errorf("%s: %d rows, want %d", of.Table, n, len(want))
	}
	return nil
}

// The write-ahead log is reused: its size follows the largest transaction, not everything
// that is written.
func TestLogIsBounded(t *testing.T) {
	if testing.Short() || slow {
		t.Skip("writes 300 MB")
	}
	path := filepath.Join(t.TempDir(), "quire.db")
	s := open(t, path)
	cmd := strings.Repeat("x", 1000)
	size := func() int64 {
		info, err := os.Stat(path + "-wal")
		require.NoError(t, err)
		return info.Size()
	}
	update := func(run string, rows int) {
		r := commands(domain.RunID(run), rows, cmd)
		err := s.Update(t.Context(), func(tx store.Tx) error {
			return errors.Join(tx.Clear([]domain.RunID{r.RunID}, s.Projections().Stored()), tx.Insert(r))
		})
		require.NoError(t, err)
	}
	for i := range 100 {
		update(fmt.Sprint("small-", i), 1_000)
	}
	if n := size(); n > 48<<20 {
		t.Errorf("after many transactions of 1 MB the log has %d MB", n>>20)
	}
	update("large", 150_000)
	for i := range 20 {
		update(fmt.Sprint("small-", i), 1_000)
	}
	if n := size(); n > 64<<20 {
		t.Errorf("some time after one of 150 MB the log has %d MB", n>>20)
	}
}
