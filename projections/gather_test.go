package projections_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
)

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
