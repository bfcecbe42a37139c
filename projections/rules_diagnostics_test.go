package projections_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

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
