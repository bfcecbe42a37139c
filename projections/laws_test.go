package projections_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
)

func TestLaws(t *testing.T) {
	obey(t, projections.Runs, modelRun)
	obey(t, projections.LabelRows, modelLabels)
	obey(t, projections.RunTable, modelRunRow)
	obey(t, projections.Jobs, modelJobs, laws.Independent(func(row projections.Job) string { return row.JobID }))
	obey(t, projections.ShEvents, modelShEvents, laws.Independent(func(row projections.ShEvent) string { return row.JobID }))
	obey(t, projections.RunTimings, modelRunTiming)
	obey(t, projections.JobTimings, modelJobTimings, laws.Independent(func(row projections.JobTiming) string { return row.JobID }))
	obey(t, projections.ShTimings, modelShTimings, laws.Independent(func(row projections.ShTiming) string { return row.JobID }))
	obey(t, projections.Slowest, modelSlowest)
	obey(t, projections.Diagnostics, modelDiagnostics)
}

func obey[R comparable](t *testing.T, of *projections.Defined[R], model func([]domain.Entry) []R, options ...laws.Option) {
	t.Run(of.Name, func(t *testing.T) {
		t.Parallel()
		laws.Check(t, of, append(options, laws.Model(model))...)
	})
}

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

// Gathering rows into lists gives the same rows as taking them one by one.
func TestGather(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := rapid.SampledFrom(append(slices.Clone(projections.Builtin.All()), ownLists.Definition)).Draw(t, "projection")
		stream := laws.Streams().Draw(t, "stream")
		size := rapid.IntRange(1, 5).Draw(t, "rows in a list")

		var want, got []any
		taken := projections.NewFold("run", d.Member(func(row projections.AnyRow) { want = append(want, [3]any{row.Index, row.Final, d.Any(row.Value)}) }))
		list, added := d.NewRows(), 0
		var into func(projections.Rows)
		full := func() {
			assert.Equal(t, added, list.Len(), "the number of added rows")
			for i := range list.Len() {
				row := list.At(i)
				got = append(got, [3]any{row.Index, row.Final, d.Any(row.Value)})
			}
			list, added = d.NewRows(), 0
			into(list)
		}
		member, into := d.Gather(func(n int) {
			if added += n; added >= size {
				full()
			}
		})
		into(list)
		gathered := projections.NewFold("run", member)
		for _, fold := range []*projections.Fold{taken, gathered} {
			for i := range stream {
				fold.Apply(&stream[i])
			}
			fold.Open()
		}
		full()
		assert.Equal(t, want, got)
		assert.Equal(t, taken.Len(0), gathered.Len(0))
	})
}

// ownLists is a projection that returns its own lists, and nil for an empty one.
var ownLists = projections.Define(projections.Declaration[laws.EveryType]{
	Name: "own_lists", Version: 1, Key: []string{"position"}, New: func() projections.Projection[laws.EveryType] { return &lists{} },
})

type lists struct {
	nothing[laws.EveryType]
	count int
}

func (p *lists) Reduce(step *projections.Step, _ []projections.Row[laws.EveryType]) []projections.Row[laws.EveryType] {
	if step.Kind != domain.ShStarted {
		return nil
	}
	p.count += 2
	return []projections.Row[laws.EveryType]{{Index: p.count - 2, Final: true}, {Index: p.count - 1, Final: true}}
}
