package projections_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
)

// Laws that need no model compare the rows of one stream with those of another.

// Renaming jobs one to one renames rows and changes nothing else.
func TestRenaming(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stream := slices.Clone(laws.Streams().Draw(t, "stream"))
		want := projectEntries(t, stream)
		rename := func(id *string) { *id = "x" + *id + "\x00y" }
		for i := range stream {
			if stream[i].HasJob {
				rename(&stream[i].JobID)
			}
		}
		for i := range want.Jobs {
			rename(&want.Jobs[i].JobID)
			rename(&want.Timings.Jobs[i].JobID)
		}
		for i := range want.ShEvents {
			rename(&want.ShEvents[i].JobID)
			rename(&want.Timings.ShEvents[i].JobID)
		}
		for i := range want.Timings.Slowest {
			rename(&want.Timings.Slowest[i].JobID)
		}
		for i := range want.Diagnostics {
			if want.Diagnostics[i].JobID.Valid {
				rename(&want.Diagnostics[i].JobID.V)
			}
		}
		sameRecord(t, projectEntries(t, stream), want)
	})
}

func sameRecord(t *rapid.T, got, want *projections.Record) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		gotJSON, _ := json.Marshal(got)
		wantJSON, _ := json.Marshal(want)
		t.Fatalf("got  %s\nwant %s", gotJSON, wantJSON)
	}
}

// Each event has an effect, or a diagnostic that says why not.
func TestAccounting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := laws.Events().Draw(t, "events")
		record := projectEntries(t, laws.Entries(events))
		kinds, codes := map[domain.Kind]int{}, map[projections.Code]int{}
		for _, e := range events {
			kinds[e.Kind]++
		}
		lateStarts := 0
		for _, d := range record.Diagnostics {
			codes[d.Code]++
			if d.Code == projections.EventAfterJobFinish && events[d.Line-1].Kind == domain.JobStarted {
				lateStarts++
			}
		}
		started, final, closed, failed := 0, 0, 0, 0
		for _, job := range record.Jobs {
			started += count(job.StartedAtMs.Valid)
			final += count(job.FinishedAtMs.Valid)
		}
		for _, sh := range record.ShEvents {
			closed += count(sh.FinishedAtMs.Valid)
			failed += count(sh.ExitCode.V != 0)
		}
		for what, counts := range map[string][2]int{
			"run_started":  {kinds[domain.RunStarted], count(kinds[domain.RunStarted] > 0) + codes[projections.DuplicateRunStart]},
			"job_started":  {kinds[domain.JobStarted], started + codes[projections.DuplicateJobStart] + lateStarts},
			"job_finished": {kinds[domain.JobFinished], final + codes[projections.DuplicateJobFinish]},
			"sh_started":   {kinds[domain.ShStarted], len(record.ShEvents)},
			"sh_finished":  {kinds[domain.ShFinished], closed + codes[projections.OrphanShFinish]},
			"unknown":      {kinds[domain.Unknown], codes[projections.UnknownType]},
			"open sh":      {record.Run.OpenSh, len(record.ShEvents) - closed},
			"failed sh":    {record.Run.FailedSh, failed},
			"jobs":         {record.Run.Jobs, len(record.Jobs)},
		} {
			require.Equal(t, counts[1], counts[0], what)
		}
	})
}

func count(is bool) int {
	if is {
		return 1
	}
	return 0
}

// Counts never decrease as a stream grows, and final rows stay.
func TestMonotony(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stream := laws.Streams().Draw(t, "stream")
		before := projectEntries(t, nil)
		for i := range stream {
			now := projectEntries(t, stream[:i+1])
			a, b := before.Run, now.Run
			grows := a.Events <= b.Events && a.UnknownEvents <= b.UnknownEvents && a.Jobs <= b.Jobs && a.FailedJobs <= b.FailedJobs &&
				a.ShEvents <= b.ShEvents && a.FailedSh <= b.FailedSh && (!a.Ended || b.Ended && a.State == b.State) &&
				before.Timings.Run.PeakJobs <= now.Timings.Run.PeakJobs &&
				atMost(before.Timings.Run.BusyMs, now.Timings.Run.BusyMs) && atMost(before.Timings.Run.JobMs, now.Timings.Run.JobMs)
			if !grows || !slices.Equal(before.Diagnostics, now.Diagnostics[:len(before.Diagnostics)]) {
				t.Fatalf("after %d entries: %+v, then %+v", i, before, now)
			}
			for k, job := range before.Timings.Jobs {
				if !atMost(job.ShMs, now.Timings.Jobs[k].ShMs) || before.Jobs[k].State != projections.Active && before.Jobs[k] != now.Jobs[k] {
					t.Fatalf("after %d entries: %+v %+v, then %+v %+v", i, before.Jobs[k], job, now.Jobs[k], now.Timings.Jobs[k])
				}
			}
			for k, sh := range before.Timings.Slowest {
				require.GreaterOrEqual(t, now.Timings.Slowest[k].DurationMs, sh.DurationMs, "after %d entries: rank %d got faster", i, k)
			}
			before = now
		}
	})
}

// atMost reports whether a sum can grow from a to b: b is larger, or int64 cannot hold it.
func atMost(a, b projections.Null[int64]) bool { return !b.Valid || a.Valid && a.V <= b.V }

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
