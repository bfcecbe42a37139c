package sqlite_test

import (
	"database/sql"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
	"github.com/quire-ci/quire-project/projections/store"
)

// The view sh_timings has the same rows as the projection, for any commands and for times
// at the limits of int64.
func TestShTimingsView(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quire.db")
	s, db := open(t, path), other(t, path)
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
		var commands []projections.Row[projections.ShEvent]
		for i, row := range record.ShEvents {
			commands = append(commands, projections.Row[projections.ShEvent]{Index: i, Value: row})
		}
		rows := &store.Rows{RunID: record.Run.RunID, Tables: []store.TableRows{
			store.RowsOf(projections.RunTable, projections.Row[store.Run]{Value: store.Run{Run: record.Run, RunTiming: record.Timings.Run}}),
			store.RowsOf(projections.ShEvents, commands...),
		}}
		require.NoError(t, s.Update(t.Context(), func(tx store.Tx) error { return tx.Insert(rows) }))
		require.True(t, slices.Equal(inView(t, db, rows.RunID), record.Timings.ShEvents), "want %v", record.Timings.ShEvents)
		if stored, err := store.ReadRecord(t.Context(), s, rows.RunID); err != nil || !slices.Equal(stored.Timings.ShEvents, record.Timings.ShEvents) {
			t.Fatalf("ReadRecord: %v, %v, want %v", stored.Timings.ShEvents, err, record.Timings.ShEvents)
		}
	})
}

// inView returns the rows of a run in the view.
func inView(t interface{ Fatal(...any) }, db *sql.DB, run domain.RunID) []projections.ShTiming {
	rows, err := db.Query(`SELECT job_id, seq, offset_ms, duration_ms FROM sh_timings WHERE run_id = ? ORDER BY position`, string(run))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	got := []projections.ShTiming{}
	for rows.Next() {
		var row projections.ShTiming
		var offset, duration sql.NullInt64
		if err := rows.Scan(&row.JobID, &row.Seq, &offset, &duration); err != nil {
			t.Fatal(err)
		}
		row.OffsetMs = projections.Null[int64]{V: offset.Int64, Valid: offset.Valid}
		row.DurationMs = projections.Null[int64]{V: duration.Int64, Valid: duration.Valid}
		got = append(got, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return got
}

// Without the run's row, the offset of a command is null.
func TestShTimingsWithoutRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quire.db")
	writeRun(t, path, "a")
	execute(t, path, `DELETE FROM runs`)
	assert.Equal(t, "null", query(t, path, `SELECT coalesce(offset_ms, 'null') FROM sh_timings`), "offset")
}
