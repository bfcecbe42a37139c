package projections_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
)

// Multiplying all clocks by a number multiplies times and durations, and changes nothing else.
func TestScaling(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := slices.Clone(laws.Events().Draw(t, "events"))
		for i := range events {
			events[i].AtMs %= 1 << 40
		}
		by := rapid.Int64Range(1, 1000).Draw(t, "by")
		want := projectEntries(t, laws.Entries(events))
		for i := range events {
			events[i].AtMs *= by
		}
		scale := func(all ...*projections.Null[int64]) {
			for _, n := range all {
				n.V *= by
			}
		}
		for i := range want.Jobs {
			job, timing := &want.Jobs[i], &want.Timings.Jobs[i]
			scale(&job.StartedAtMs, &job.FinishedAtMs, &timing.OffsetMs, &timing.DurationMs, &timing.ShMs, &timing.GapMs)
		}
		for i := range want.ShEvents {
			want.ShEvents[i].StartedAtMs *= by
			scale(&want.ShEvents[i].FinishedAtMs, &want.Timings.ShEvents[i].OffsetMs, &want.Timings.ShEvents[i].DurationMs)
		}
		for i := range want.Timings.Slowest {
			want.Timings.Slowest[i].DurationMs *= by
		}
		run := &want.Timings.Run
		scale(&run.StartedAtMs, &run.LastAtMs, &run.WallMs, &run.BusyMs, &run.JobMs)
		sameRecord(t, projectEntries(t, laws.Entries(events)), want)
	})
}

// A line that is written twice changes only counts and diagnostics, unless it starts or
// ends a command.
func TestStutter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := laws.Events().Draw(t, "events")
		var can []int
		for i, e := range events {
			if e.Kind != domain.ShStarted && e.Kind != domain.ShFinished {
				can = append(can, i)
			}
		}
		if len(can) == 0 {
			return
		}
		at := rapid.SampledFrom(can).Draw(t, "at")
		want := projectEntries(t, laws.Entries(events))
		got := projectEntries(t, laws.Entries(slices.Insert(slices.Clone(events), at, events[at])))
		require.Equal(t, want.Run.Events+1, got.Run.Events, "%d events, and one more", want.Run.Events)
		got.Run.Events, got.Run.UnknownEvents, got.Diagnostics = want.Run.Events, want.Run.UnknownEvents, want.Diagnostics
		sameRecord(t, got, want)
	})
}

// A well-formed stream has no diagnostics, and its parts fit into the whole.
func TestPartsFit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		record := projectEntries(t, laws.Entries(laws.WellFormed().Draw(t, "events")))
		require.Empty(t, record.Diagnostics)
		run := record.Timings.Run
		require.LessOrEqual(t, run.BusyMs.V, run.WallMs.V, "%+v", run)
		require.LessOrEqual(t, run.PeakJobs, len(record.Jobs), "%+v", run)
		for i, job := range record.Timings.Jobs {
			fits := job.ShMs.V+job.GapMs.V == job.DurationMs.V && job.OffsetMs.V+job.DurationMs.V <= run.WallMs.V
			if job.DurationMs.Valid && !fits || record.Jobs[i].ExitCode.Valid && job.ShCount == 0 {
				t.Fatalf("%+v %+v in %+v", record.Jobs[i], job, run)
			}
		}
	})
}
