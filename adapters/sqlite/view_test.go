package sqlite_test

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
	"github.com/quire-ci/quire-project/projections/store"
)

// The view sh_timings says of any commands what the projection says of them,
// for times at the ends of int64 too.
func TestShTimingsView(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "quire.db"))
	extreme := rapid.OneOf(
		rapid.SampledFrom([]int64{math.MinInt64, math.MinInt64 + 1, -1 << 62, -1, 0, 1, 1 << 53, 1<<53 + 1, 1 << 62, math.MaxInt64 - 1, math.MaxInt64}),
		laws.AtMs(),
	)
	try := 0
	rapid.Check(t, func(t *rapid.T) {
		try++
		events := laws.Events().Draw(t, "events")
		if rapid.Bool().Draw(t, "extreme") {
			for i := range events {
				events[i].AtMs = extreme.Draw(t, "at")
			}
		}
		record, fold := projections.NewRecord(domain.RunID(fmt.Sprint("try-", try)))
		for _, entry := range laws.Entries(events) {
			fold.Apply(&entry)
		}
		fold.Open()
		rows := &store.Rows{RunID: record.Run.RunID, Run: projections.Some(store.Run{Run: record.Run, RunTiming: record.Timings.Run})}
		for i, row := range record.ShEvents {
			rows.ShEvents = append(rows.ShEvents, projections.Row[projections.ShEvent]{Index: i, Value: row})
		}
		if err := s.Update(t.Context(), func(tx store.Tx) error { return tx.Insert(rows) }); err != nil {
			t.Fatal(err)
		}
		var got []projections.ShTiming
		err := s.View(t.Context(), rows.RunID, func(snapshot store.Snapshot) error {
			for row, err := range snapshot.ShTimings() {
				if err != nil {
					return err
				}
				if row.Index != len(got) {
					return errors.New("a row has a wrong index")
				}
				got = append(got, row.Value)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(record.Timings.ShEvents) {
			t.Fatalf("%d rows, want %d", len(got), len(record.Timings.ShEvents))
		}
		for i, want := range record.Timings.ShEvents {
			if got[i] != want {
				t.Errorf("row %d = %v, want %v (%v)", i, got[i], want, record.ShEvents[i])
			}
		}
	})
}

// Without the run's row it is not known when the run began.
func TestShTimingsWithoutRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quire.db")
	writeRun(t, path, "a")
	execute(t, path, `DELETE FROM runs`)
	if got := query(t, path, `SELECT coalesce(offset_ms, 'null') FROM sh_timings`); got != "null" {
		t.Errorf("offset %s", got)
	}
}
