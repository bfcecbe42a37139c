package storetest

import (
	"context"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
	"github.com/quire-ci/quire-project/projections/store"
)

// ShTimings compares the view sh_timings of a database with the projection, for any commands and
// for times at the limits of int64. read returns a run's rows in the view, in the order of their
// positions.
func ShTimings(t *testing.T, s store.Store, read func(domain.RunID) ([]projections.ShTiming, error)) {
	limits := rapid.SampledFrom([]int64{math.MinInt64, math.MinInt64 + 1, -1 << 62, -1, 0, 1, 1 << 53, 1<<53 + 1, 1 << 62, math.MaxInt64 - 1, math.MaxInt64})
	extreme := rapid.OneOf(limits, laws.AtMs())
	rapid.Check(t, func(t *rapid.T) {
		events := laws.Events().Draw(t, "events")
		if rapid.Bool().Draw(t, "extreme") {
			for i := range events {
				events[i].AtMs = extreme.Draw(t, "at")
			}
		}
		record, fold := projections.NewRecord(domain.RunID(newPrefix()))
		for _, entry := range laws.Entries(events) {
			fold.Apply(&entry)
		}
		fold.Open()
		rows := &store.Rows{RunID: record.Run.RunID, Tables: []store.TableRows{
			store.RowsOf(projections.RunTable, row(0, false, store.Run{Run: record.Run, RunTiming: record.Timings.Run})), store.RowsOf(projections.ShEvents),
		}}
		for i, command := range record.ShEvents {
			*projections.ShEvents.At(rows.Tables[1].New(i, false)) = command
		}
		if err := s.Update(context.Background(), func(tx store.Tx) error { return tx.Insert(rows) }); err != nil {
			t.Fatal(err)
		}
		inView, err := read(rows.RunID)
		if err != nil || !slices.Equal(inView, record.Timings.ShEvents) {
			t.Fatalf("the view has %v, %v, want %v", inView, err, record.Timings.ShEvents)
		}
		stored, err := store.ReadRecord(context.Background(), s, rows.RunID)
		if err != nil || !slices.Equal(stored.Timings.ShEvents, record.Timings.ShEvents) {
			t.Fatalf("ReadRecord: %v, %v, want %v", stored.Timings.ShEvents, err, record.Timings.ShEvents)
		}
	})
}
