package projections_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// The rules that are easy to get wrong, one example each, in the files
// rules_*_test.go. An example gives the rows of one projection.

var (
	jobStarted  = domain.NewJobStarted
	jobFinished = domain.NewJobFinished
	shStarted   = domain.NewShStarted
	shFinished  = domain.NewShFinished
	runFinished = domain.NewRunFinished
)

const (
	complete = domain.Complete
	failed   = domain.Failed
)

func unknown(atMs int64) domain.Event { return domain.NewUnknown(atMs, "job_queued", "") }

func runStarted(atMs int64) domain.Event { return domain.NewRunStarted(atMs, domain.Labels{}) }

func ms(n int64) projections.Null[int64] { return projections.Some(n) }

func code(n int32) projections.Null[int32] { return projections.Some(n) }

func id(job string) projections.Null[string] { return projections.Some(job) }

// null is what is not known, of either type.
var (
	null     projections.Null[int64]
	nullCode projections.Null[int32]
	nullID   projections.Null[string]
)

type events = []domain.Event

type example[R any] struct {
	rule   string
	events events
	want   []R
}

// give checks that the events of each example give the rows that it wants,
// which get takes out of the record.
func give[R comparable](t *testing.T, get func(*projections.Record) []R, examples []example[R]) {
	t.Helper()
	for _, example := range examples {
		t.Run(example.rule, func(t *testing.T) {
			got := get(project(t, example.events...))
			if !slices.Equal(got, example.want) {
				t.Errorf("got  %+v\nwant %+v", got, example.want)
			}
		})
	}
}

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

// What is odd about the last of some events, code by code and in order.
func TestDiagnosticRules(t *testing.T) {
	type codes = []projections.Code
	for _, test := range []struct {
		rule   string
		events events
		want   codes
	}{
		{"nothing, of a job that runs as it should", events{jobStarted(1, "a")}, nil},
		{"an unknown event", events{unknown(1)}, codes{projections.UnknownType}},
		{"clock: the same time is not backwards", events{unknown(1), jobStarted(1, "a")}, nil},
		{"clock: against the event before, not the highest", events{unknown(9), unknown(1), jobStarted(2, "a")}, nil},
		{"clock: of whatever kind that was", events{unknown(3), jobStarted(2, "a")}, codes{projections.ClockBackwards}},
		{"clock: before 1970", events{jobStarted(-2, "a")}, nil},
		{"the run's start, wherever it stands", events{jobStarted(1, "a"), runStarted(1)}, nil},
		{"and a second one", events{runStarted(1), jobStarted(1, "a"), runStarted(1)}, codes{projections.DuplicateRunStart}},
		{"and one behind the clock, after the end", events{runStarted(2), runFinished(2, complete), runStarted(1)}, codes{
			projections.ClockBackwards, projections.DuplicateRunStart, projections.EventAfterRunFinish,
		}},
		{"start of an open job", events{jobStarted(1, "a"), jobStarted(1, "a")}, codes{projections.DuplicateJobStart}},
		{"start of a job that sh have named is no duplicate", events{shStarted(1, "a", "x"), jobStarted(1, "a")}, nil},
		{"start of a final job is late, not a duplicate", events{
			jobStarted(1, "a"), jobFinished(1, "a", complete), jobStarted(1, "a"),
		}, codes{projections.EventAfterJobFinish}},
		{"second finish", events{
			jobStarted(1, "a"), jobFinished(1, "a", complete), jobFinished(1, "a", complete),
		}, codes{projections.DuplicateJobFinish}},
		{"finish of a job that never started", events{shStarted(1, "a", "x"), shFinished(1, "a", 0), jobFinished(1, "a", complete)}, codes{projections.OrphanJobFinish}},
		{"and a second one", events{
			jobFinished(1, "a", complete), jobFinished(1, "a", complete),
		}, codes{projections.DuplicateJobFinish, projections.OrphanJobFinish}},
		{"and one after a start that came too late", events{
			jobFinished(1, "a", complete), jobStarted(1, "a"), jobFinished(1, "a", complete),
		}, codes{projections.DuplicateJobFinish, projections.OrphanJobFinish}},
		{"sh in a job that has not started", events{shStarted(1, "a", "x")}, codes{projections.OrphanShStart}},
		{"sh in a job that only finished", events{
			jobFinished(1, "a", complete), shStarted(1, "a", "x"),
		}, codes{projections.OrphanShStart, projections.EventAfterJobFinish}},
		{"finish of no sh", events{jobStarted(1, "a"), shFinished(1, "a", 0)}, codes{projections.OrphanShFinish}},
		{"finish of another job's sh", events{
			jobStarted(1, "a"), jobStarted(1, "b"), shStarted(1, "b", "x"), shFinished(1, "a", 0),
		}, codes{projections.OrphanShFinish}},
		{"sh while another is open", events{
			jobStarted(1, "a"), shStarted(1, "a", "x"), shStarted(1, "a", "y"),
		}, codes{projections.OverlappingSh}},
		{"sh while one of another job is open", events{
			jobStarted(1, "a"), jobStarted(1, "b"), shStarted(1, "b", "x"), shStarted(1, "a", "y"),
		}, nil},
		{"job ends before its sh", events{
			jobStarted(1, "a"), shStarted(1, "a", "x"), shStarted(1, "a", "y"), jobFinished(1, "a", complete),
		}, codes{projections.UnfinishedSh}},
		{"once only", events{
			jobStarted(1, "a"), shStarted(1, "a", "x"), jobFinished(1, "a", complete), jobFinished(1, "a", complete),
		}, codes{projections.DuplicateJobFinish}},
		{"sh ends after its job", events{
			jobStarted(1, "a"), shStarted(1, "a", "x"), jobFinished(1, "a", complete), shFinished(1, "a", 0),
		}, codes{projections.EventAfterJobFinish}},
		{"an unknown event of a final job is not late", events{
			jobStarted(1, "a"), jobFinished(1, "a", complete), unknown(1).InJob("a"),
		}, codes{projections.UnknownType}},
		{"the run's end", events{runFinished(1, complete)}, nil},
		{"and a second one", events{runFinished(1, complete), runFinished(1, complete)}, codes{projections.EventAfterRunFinish}},
		{"many at once, of an unknown event", events{
			runFinished(2, complete), unknown(1),
		}, codes{projections.UnknownType, projections.ClockBackwards, projections.EventAfterRunFinish}},
		{"of a sh", events{
			shStarted(9, "a", "x"), jobFinished(9, "a", complete), runFinished(9, complete), shStarted(1, "a", "y"),
		}, codes{
			projections.ClockBackwards, projections.OrphanShStart, projections.OverlappingSh,
			projections.EventAfterJobFinish, projections.EventAfterRunFinish,
		}},
		{"of a job's end", events{
			shStarted(9, "a", "x"), runFinished(9, complete), jobFinished(1, "a", complete),
		}, codes{projections.ClockBackwards, projections.OrphanJobFinish, projections.EventAfterRunFinish, projections.UnfinishedSh}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			var got codes
			for _, row := range project(t, test.events...).Diagnostics {
				if row.Line == int64(len(test.events)) {
					got = append(got, row.Code)
				}
			}
			assert.Equal(t, test.want, got)
		})
	}
}

// A diagnostic has the position and the job of its line. Malformed lines do not change the
// clock.
func TestDiagnosticPlaces(t *testing.T) {
	at := func(line, offset int64) domain.Position { return domain.Position{Line: line, Offset: offset} }
	got := projectEntries(t, []domain.Entry{
		{Position: at(1, 0), Fault: domain.Malformed},
		{Position: at(3, 17), Event: jobStarted(5, "")},
		{Position: at(4, 90), Fault: domain.Malformed},
		{Position: at(7, 91), Event: unknown(4)},
		{Position: at(8, 99), Event: unknown(4).InJob("b")},
		{Position: at(9, 1<<40), Fault: domain.Torn},
	}).Diagnostics
	want := []projections.Diagnostic{
		{Code: projections.MalformedLine, Line: 1, Offset: 0, JobID: nullID},
		{Code: projections.MalformedLine, Line: 4, Offset: 90, JobID: nullID},
		{Code: projections.UnknownType, Line: 7, Offset: 91, JobID: nullID},
		{Code: projections.ClockBackwards, Line: 7, Offset: 91, JobID: nullID},
		{Code: projections.UnknownType, Line: 8, Offset: 99, JobID: id("b")},
		{Code: projections.TornTail, Line: 9, Offset: 1 << 40, JobID: nullID},
	}
	assert.Equal(t, want, got)
	assert.Equal(t, id(""), project(t, jobFinished(1, "", complete)).Diagnostics[0].JobID, "an empty job id is taken for none")
}

func TestEveryCodeHasAMeaning(t *testing.T) {
	for _, code := range []projections.Code{
		projections.TornTail, projections.MalformedLine, projections.UnknownType, projections.ClockBackwards,
		projections.DuplicateRunStart, projections.DuplicateJobStart, projections.DuplicateJobFinish, projections.OrphanJobFinish, projections.OrphanShStart,
		projections.OrphanShFinish, projections.OverlappingSh, projections.EventAfterJobFinish, projections.EventAfterRunFinish,
		projections.UnfinishedSh,
	} {
		assert.NotEqual(t, "", code.Meaning())
	}
}
