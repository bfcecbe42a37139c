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

// A step describes its event as the models do.
func TestStepIsTheModels(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stream := laws.Streams().Draw(t, "stream")
		read := 0
		fold := projections.NewFold("run", projections.Observe(func(step *projections.Step) {
			require.Equal(t, stream[read], *step.Entry, "step %d is of %+v", read, step.Entry)
			checkStep(t, step, eventsOf(stream[:read]), eventsOf(stream[:read+1]))
			read++
		}, nil))
		for i := range stream {
			fold.Apply(&stream[i])
		}
		require.Equal(t, len(stream), read)
	})
}

// checkStep compares a step with the events before it and those up to it.
func checkStep(t *rapid.T, step *projections.Step, before, upTo []domain.Event) {
	isEvent := len(upTo) > len(before)
	want := projections.Step{Entry: step.Entry, Run: step.Run, First: isEvent && len(before) == 0, Job: step.Job, Sh: step.Sh}
	if isEvent && len(before) > 0 {
		want.PrevAtMs = before[len(before)-1].AtMs
		want.AfterRun = runEndOf(before) != never
	}
	if isEvent && step.Kind == domain.RunStarted {
		want.RunStarts = firstOf(before, domain.RunStarted, "") == never
	}
	if ofJob(step) {
		job := step.JobID
		want.JobBefore = progress(before, job)
		want.JobStarts = startOf(before, job) == never && startOf(upTo, job) != never
		want.JobEnds = endOf(before, job) == never && endOf(upTo, job) != never
		want.ShOpens = step.Kind == domain.ShStarted
		want.ShCloses = step.Kind == domain.ShFinished && closes(upTo, len(before))
		if step.Job == nil || step.Job.ID != job || step.Job.Progress != progress(upTo, job) {
			t.Fatalf("the job of %+v is %+v, want %+v", step.Entry, step.Job, progress(upTo, job))
		}
	}
	if *step != want {
		t.Fatalf("the step of %+v is\n%+v, want\n%+v", step.Entry, *step, want)
	}
	if (step.Job != nil) != ofJob(step) || (step.Sh != nil) != (step.ShOpens || step.ShCloses) {
		t.Fatalf("a job or a sh that is not the event's: %+v", *step)
	}
	if step.Sh != nil {
		checkSh(t, step, upTo)
	}
}

// ofJob reports whether the event belongs to a job.
func ofJob(step *projections.Step) bool { return step.HasJob && step.Kind != domain.Unknown }

func progress(events []domain.Event, job string) projections.Progress {
	return projections.Progress{
		Started: startOf(events, job) != never, Final: endOf(events, job) != never, OpenSh: openSh(events, job),
	}
}

// checkSh finds the sh that the latest event opened or closed.
func checkSh(t *rapid.T, step *projections.Step, events []domain.Event) {
	at := len(events) - 1
	index := -1
	for i, e := range events {
		if e.Kind != domain.ShStarted {
			continue
		}
		index++
		if i == at || closedBy(events, i) == at {
			want := projections.TrackedSh{Index: index, Seq: seqOf(events, i), Job: step.Job.Index, Cmd: e.Cmd, StartedAtMs: e.AtMs}
			want.InsideMs = step.Sh.InsideMs // the rows of timings.jobs show its sum
			require.Equal(t, want, *step.Sh, "the sh of %+v", step.Entry)
			return
		}
	}
	t.Fatalf("no sh for %+v", step.Entry)
}
