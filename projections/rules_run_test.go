package projections_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

func TestRunState(t *testing.T) {
	for _, test := range []struct {
		rule   string
		events events
		want   projections.State
	}{
		{"nothing read", nil, projections.Active},
		{"no job", events{unknown(1)}, projections.Active},
		{"a job runs", events{jobStarted(1, "a")}, projections.Active},
		{"all jobs complete", events{jobFinished(1, "a", complete), jobFinished(1, "b", complete)}, projections.Complete},
		{"one is still running", events{jobFinished(1, "a", complete), jobStarted(2, "b")}, projections.Active},
		{"one was only named", events{jobFinished(1, "a", complete), shFinished(2, "b", 0)}, projections.Active},
		{"what an unknown event names is no job", events{jobFinished(1, "a", complete), unknown(2).InJob("b")}, projections.Complete},
		{"it has started, and that is all", events{runStarted(1)}, projections.Active},
		{"one failed, another is running", events{jobStarted(1, "b"), jobFinished(1, "a", failed)}, projections.Failed},
		{"a second outcome of a job does not count", events{jobFinished(1, "a", failed), jobFinished(1, "a", complete)}, projections.Failed},
		{"the run says that it succeeded, whatever its jobs say", events{jobFinished(1, "a", failed), runFinished(2, complete)}, projections.Complete},
		{"the run says that it failed, whatever its jobs say", events{jobFinished(1, "a", complete), runFinished(2, failed)}, projections.Failed},
		{"the first run_finished counts", events{runFinished(1, complete), runFinished(2, failed), jobFinished(3, "a", failed)}, projections.Complete},
	} {
		t.Run(test.rule, func(t *testing.T) {
			assert.Equal(t, test.want, project(t, test.events...).Run.State)
		})
	}
}

func TestRunCounts(t *testing.T) {
	record := projectEntries(t, []domain.Entry{
		{Event: jobStarted(1, "a")},
		{Event: shStarted(2, "a", "x")},
		{Fault: domain.Malformed},
		{Event: shStarted(2, "a", "y")},
		{Event: unknown(3).InJob("b")},
		{Event: jobFinished(4, "a", failed)},
		{Event: jobFinished(5, "a", failed)}, // the job has failed once
		{Event: shFinished(6, "a", 1)},       // its job is final, but it did fail
		{Event: shFinished(7, "c", 1)},       // closes nothing, names a job
		{Event: runFinished(8, failed)},
		{Fault: domain.Torn},
	})
	want := projections.Run{
		RunID: "run", State: projections.Failed, Ended: true, Events: 9, UnknownEvents: 1,
		Jobs: 2, FailedJobs: 1, ShEvents: 2, FailedSh: 1, OpenSh: 1,
	}
	assert.Equal(t, want, record.Run)
}
