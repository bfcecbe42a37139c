package projections_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
)

// Your own projection gets the tracker, and can read all of it.
func TestTrackerIsTheModels(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stream := laws.Streams().Draw(t, "stream")
		fold := projections.NewFold("run")
		for i := range stream {
			fold.Apply(&stream[i])
		}
		checkTracker(t, fold.Run(), stream)
	})
}

func checkTracker(t *rapid.T, run *projections.Tracker, stream []domain.Entry) {
	events, row, timing := eventsOf(stream), modelRun(stream)[0], modelRunTiming(stream)[0]
	if run.RunID != "run" || run.Events != row.Events || run.Ended() != row.Ended || run.OpenJobs != openJobs(events) ||
		run.OpenSh != row.OpenSh || run.ShStarted != row.ShEvents || run.JobCount() != row.Jobs {
		t.Fatalf("the tracker is %+v, the run %+v", run, row)
	}
	if timing.StartedAtMs.Valid && (run.FirstAtMs != timing.StartedAtMs.V || run.LastAtMs != timing.LastAtMs.V) {
		t.Fatalf("from %d to %d, want %+v", run.FirstAtMs, run.LastAtMs, timing)
	}
	jobs := modelJobs(stream)
	for job := range run.Jobs() {
		checkTrackedJob(t, job, jobs[job.Index], events)
	}
	var open []projections.ShEvent
	for _, sh := range modelShEvents(stream) {
		if !sh.ExitCode.Valid {
			open = append(open, sh)
		}
	}
	run.EachOpenSh(func(job *projections.TrackedJob, sh *projections.TrackedSh) {
		got := projections.ShEvent{JobID: job.ID, Seq: sh.Seq, Cmd: sh.Cmd, StartedAtMs: sh.StartedAtMs}
		require.Equal(t, open[0], got, "open is %+v", sh)
		require.Equal(t, job.Index, sh.Job, "open is %+v", sh)
		open = open[1:]
	})
	require.Empty(t, open, "not listed as open")
}

func checkTrackedJob(t *rapid.T, job *projections.TrackedJob, row projections.Job, events []domain.Event) {
	if job.ID != row.JobID || job.Started != row.StartedAtMs.Valid || job.Final != row.FinishedAtMs.Valid || job.ExitCode != row.ExitCode {
		t.Fatalf("the tracker has %+v for %+v", job, row)
	}
	if job.Started && job.StartedAtMs != row.StartedAtMs.V || job.Final && job.FinishedAtMs != row.FinishedAtMs.V {
		t.Fatalf("the tracker has %+v for %+v", job, row)
	}
	if open := openSh(events, row.JobID); job.OpenSh != open || job.ShCount != len(shOf(events, row.JobID)) {
		t.Fatalf("the tracker has %+v for %+v, with %d open sh", job, row, open)
	}
}
