package projections_test

import (
	"testing"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

func TestJobRules(t *testing.T) {
	type job = projections.Job
	give(t, func(r *projections.Record) []job { return r.Jobs }, []example[job]{
		{"in order of first mention, by whatever job or sh event", events{
			shFinished(1, "d", 0), unknown(2).InJob("a"), shStarted(3, "b", "x"), jobFinished(4, "a", complete), jobStarted(5, "d"),
		}, []job{
			{"d", projections.Active, ms(5), null, nullCode},
			{"b", projections.Active, null, null, nullCode},
			{"a", projections.Complete, null, ms(4), nullCode},
		}},
		{"what an unknown event means is not known: it makes no row", events{unknown(1), unknown(1).InJob("a")}, nil},
		{"an empty id is an id, and the run's own events name none", events{
			runStarted(0), jobStarted(1, ""), runFinished(2, complete),
		}, []job{{"", projections.Active, ms(1), null, nullCode}}},
		{"the first start counts", events{
			jobStarted(5, "a"), jobStarted(1, "a"),
		}, []job{{"a", projections.Active, ms(5), null, nullCode}}},
		{"the first finish counts", events{
			jobStarted(1, "a"), jobFinished(3, "a", failed), jobFinished(2, "a", complete),
		}, []job{{"a", projections.Failed, ms(1), ms(3), nullCode}}},
		{"final with an orphan finish; neither a start nor a second finish changes it", events{
			jobFinished(1, "a", failed), jobStarted(2, "a"), jobFinished(3, "a", complete),
		}, []job{{"a", projections.Failed, null, ms(1), nullCode}}},
		{"the exit code of the sh that finished last", events{
			jobStarted(1, "a"), shStarted(2, "a", "x"), shFinished(3, "a", 7), shStarted(4, "a", "y"), shFinished(5, "a", 0),
		}, []job{{"a", projections.Active, ms(1), null, code(0)}}},
		{"a finish that closes no sh has no say in it", events{
			jobStarted(1, "a"), shFinished(2, "a", 7),
		}, []job{{"a", projections.Active, ms(1), null, nullCode}}},
		{"nor has a sh that finishes after its job", events{
			jobStarted(1, "a"), shStarted(2, "a", "x"), shStarted(2, "a", "y"), shFinished(3, "a", 1),
			jobFinished(4, "a", complete), shFinished(5, "a", 2),
		}, []job{{"a", projections.Complete, ms(1), ms(4), code(1)}}},
		{"a job that never started has an exit code all the same", events{
			shStarted(1, "a", "x"), shFinished(2, "a", -1),
		}, []job{{"a", projections.Active, null, null, code(-1)}}},
	})
}

func TestShRules(t *testing.T) {
	type sh = projections.ShEvent
	give(t, func(r *projections.Record) []sh { return r.ShEvents }, []example[sh]{
		{"seq counts within a job, rows stand in stream order", events{
			shStarted(1, "a", "a1"), shStarted(2, "b", "b1"), shStarted(3, "a", "a2"),
		}, []sh{
			{"a", 1, "a1", 1, null, nullCode}, {"b", 1, "b1", 2, null, nullCode}, {"a", 2, "a2", 3, null, nullCode},
		}},
		{"the newest open sh of the job is closed", events{
			shStarted(1, "a", "first"), shStarted(2, "b", "other"), shStarted(3, "a", "second"), shStarted(4, "a", "third"),
			shFinished(5, "a", 1), shFinished(6, "a", 2),
		}, []sh{
			{"a", 1, "first", 1, null, nullCode}, {"b", 1, "other", 2, null, nullCode},
			{"a", 2, "second", 3, ms(6), code(2)}, {"a", 3, "third", 4, ms(5), code(1)},
		}},
		{"a command that could not be spawned has no end, and does not get that of the next", events{
			jobStarted(1, "a"), shStarted(2, "a", "no such program"), shStarted(3, "a", "cleanup"), shFinished(4, "a", 0),
			jobFinished(5, "a", failed),
		}, []sh{
			{"a", 1, "no such program", 2, null, nullCode}, {"a", 2, "cleanup", 3, ms(4), code(0)},
		}},
		{"an orphan finish closes nothing, now or later", events{
			shFinished(1, "a", 1), shStarted(2, "a", "x"),
		}, []sh{{"a", 1, "x", 2, null, nullCode}}},
		{"a sh that finishes after its job is closed", events{
			jobStarted(1, "a"), shStarted(2, "a", "x"), jobFinished(3, "a", complete), shFinished(4, "a", 9),
		}, []sh{{"a", 1, "x", 2, ms(4), code(9)}}},
		{"a sh that starts after its job has its row, and its number", events{
			jobStarted(1, "a"), shStarted(2, "a", "x"), shFinished(3, "a", 0), jobFinished(4, "a", complete), shStarted(5, "a", "y"),
		}, []sh{{"a", 1, "x", 2, ms(3), code(0)}, {"a", 2, "y", 5, null, nullCode}}},
		{"as told, even if it finished before it started", events{
			shStarted(9, "a", "x"), shFinished(1, "a", 0),
		}, []sh{{"a", 1, "x", 9, ms(1), code(0)}}},
	})
}

// An event that no constructor made can be of a job and have none. It is counted and has
// no other effect.
func TestAJobEventWithoutAJob(t *testing.T) {
	record := project(t, events{
		{Kind: domain.JobStarted}, {Kind: domain.ShStarted}, {Kind: domain.ShFinished}, {Kind: domain.JobFinished},
	}...)
	if record.Run.Events != 4 || len(record.Jobs) != 0 || len(record.ShEvents) != 0 {
		t.Errorf("they give %+v", record)
	}
}

// A job that ended without an outcome, which the wire cannot express, is failed in every
// projection.
func TestAJobWithoutAnOutcome(t *testing.T) {
	record := project(t, jobStarted(0, "a"), domain.NewJobFinished(1, "a", domain.NoOutcome))
	if record.Jobs[0].State != projections.Failed || record.Run.State != projections.Failed || record.Run.FailedJobs != 1 {
		t.Errorf("they give %+v", record)
	}
}
