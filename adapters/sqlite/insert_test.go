package sqlite_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// However rows come, few or many, of one run or of several in turn, short or
// long, each of them gets in with its own values.
func TestInsertedAsGiven(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quire.db")
	s := open(t, path)
	try := 0
	rapid.Check(t, func(t *rapid.T) {
		try++
		counts := rapid.OneOf(rapid.IntRange(0, 5), rapid.IntRange(0, 300), rapid.SampledFrom([]int{1, 4, 15, 16, 17, 64, 255, 256, 257, 600}))
		runs := rapid.SliceOfNDistinct(rapid.IntRange(0, 9), 1, 4, rapid.ID).Draw(t, "runs")
		rows := map[domain.RunID]*store.Rows{}
		var order []*store.Rows
		for range rapid.IntRange(1, 8).Draw(t, "inserts") {
			run := domain.RunID(fmt.Sprintf("try-%d-%d", try, rapid.SampledFrom(runs).Draw(t, "run")))
			if rows[run] == nil {
				rows[run] = &store.Rows{RunID: run}
			}
			order = append(order, more(rows[run], counts.Draw(t, "count"), rapid.SampledFrom([]int{0, 10, 200_000}).Draw(t, "text")))
		}
		err := s.Update(t.Context(), func(tx store.Tx) error {
			for _, part := range order {
				if err := tx.Insert(part); err != nil {
					return err
				}
				clear(part.ShEvents) // the caller's again
				clear(part.Jobs)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for run, want := range rows {
			if err := s.View(t.Context(), run, func(snapshot store.Snapshot) error { return same(snapshot, want) }); err != nil {
				t.Fatalf("%s: %v", run, err)
			}
		}
		var ids []domain.RunID
		for run := range rows {
			ids = append(ids, run)
		}
		if err := s.Update(t.Context(), func(tx store.Tx) error { return tx.Clear(ids, store.AllTables) }); err != nil {
			t.Fatal(err)
		}
	})
}

// more adds rows to those of a run, and returns them by themselves. Their texts
// get long, but not all of them: that would take its time.
func more(all *store.Rows, count, text int) *store.Rows {
	part := &store.Rows{RunID: all.RunID}
	for i := range count {
		n := len(all.ShEvents)
		cmd := fmt.Sprint(all.RunID, " ", n)
		if i%50 == 0 {
			cmd += strings.Repeat("x", text)
		}
		sh := projections.Row[projections.ShEvent]{Index: n, Value: projections.ShEvent{JobID: fmt.Sprint("job-", n), Seq: n, Cmd: cmd, StartedAtMs: int64(-n)}}
		job := projections.Row[projections.Job]{Index: n, Value: projections.Job{JobID: fmt.Sprint("job-", n), State: projections.Failed, ExitCode: projections.Some(int32(n))}}
		all.ShEvents, part.ShEvents = append(all.ShEvents, sh), append(part.ShEvents, sh)
		all.Jobs, part.Jobs = append(all.Jobs, job), append(part.Jobs, job)
	}
	return part
}

func same(snapshot store.Snapshot, want *store.Rows) error {
	n := 0
	for row, err := range snapshot.ShEvents() {
		if err != nil {
			return err
		}
		if n >= len(want.ShEvents) || row != want.ShEvents[n] {
			return fmt.Errorf("command %d is not what it was", n)
		}
		n++
	}
	m := 0
	for row, err := range snapshot.Jobs() {
		if err != nil {
			return err
		}
		if m >= len(want.Jobs) || row != want.Jobs[m] {
			return fmt.Errorf("job %d = %v", m, row)
		}
		m++
	}
	if n != len(want.ShEvents) || m != len(want.Jobs) {
		return fmt.Errorf("%d commands and %d jobs, want %d", n, m, len(want.ShEvents))
	}
	return nil
}

// The write-ahead log is used again and again: it does not grow with what is
// written, only with the largest transaction.
func TestLogIsBounded(t *testing.T) {
	if testing.Short() || slow {
		t.Skip("writes 300 MB")
	}
	path := filepath.Join(t.TempDir(), "quire.db")
	s := open(t, path)
	cmd := strings.Repeat("x", 1000)
	size := func() int64 {
		info, err := os.Stat(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	update := func(run string, rows int) {
		r := &store.Rows{RunID: domain.RunID(run)}
		for i := range rows {
			r.ShEvents = append(r.ShEvents, projections.Row[projections.ShEvent]{Index: i, Value: projections.ShEvent{JobID: "build", Seq: i, Cmd: cmd}})
		}
		err := s.Update(t.Context(), func(tx store.Tx) error {
			return errors.Join(tx.Clear([]domain.RunID{r.RunID}, store.AllTables), tx.Insert(r))
		})
		if err != nil {
			t.Fatal(err)
		}
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
