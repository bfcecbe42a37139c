package projections_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
)

// A row is final as soon as no event can change it, and not before.
func TestRowsBecomeFinalAtOnce(t *testing.T) {
	finalWhen(t, projections.Runs, func([]domain.Event, projections.Run) bool { return false })
	finalWhen(t, projections.RunTimings, func([]domain.Event, projections.RunTiming) bool { return false })
	finalWhen(t, projections.Slowest, func([]domain.Event, projections.SlowSh) bool { return false })
	finalWhen(t, projections.Diagnostics, func([]domain.Event, projections.Diagnostic) bool { return true })
	finalWhen(t, projections.Jobs, func(events []domain.Event, row projections.Job) bool {
		return endOf(events, row.JobID) != never
	})
	finalWhen(t, projections.JobTimings, func(events []domain.Event, row projections.JobTiming) bool {
		return endOf(events, row.JobID) != never
	})
	finalWhen(t, projections.ShEvents, func(events []domain.Event, row projections.ShEvent) bool {
		return closedBy(events, shOf(events, row.JobID)[row.Seq-1]) != never
	})
	finalWhen(t, projections.ShTimings, func(events []domain.Event, row projections.ShTiming) bool {
		return closedBy(events, shOf(events, row.JobID)[row.Seq-1]) != never
	})
}

// finalWhen checks after each entry that a row is final if and only if the function says
// so for the events so far.
func finalWhen[R comparable](t *testing.T, of *projections.Defined[R], final func([]domain.Event, R) bool) {
	t.Run(of.Name, rapid.MakeCheck(func(t *rapid.T) {
		stream := laws.Streams().Draw(t, "stream")
		var rows []projections.Row[R]
		fold := projections.NewFold("run", of.Into(func(row *projections.Row[R]) { rows = append(rows, *row) }))
		for i := range stream {
			fold.Apply(&stream[i])
			handedOut := len(rows)
			fold.Open()
			events := eventsOf(stream[:i+1])
			for _, row := range rows {
				require.Equal(t, final(events, row.Value), row.Final, "after %d entries: %+v", i+1, row)
			}
			rows = rows[:handedOut]
		}
	}))
}
