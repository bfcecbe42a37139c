package report

import (
	"slices"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// fold folds a stream to its end, and returns the row of the run itself. sel, unless it is nil, filters
// the rows of members.
func fold(run domain.RunID, stream projections.Stream, sel *selector, members ...projections.Member) (row projections.Run, err error) {
	if sel != nil {
		members = slices.Insert(members, 0, projections.Observe(sel.step, sel.open))
	}
	runs := projections.Runs.Into(func(r *projections.Row[projections.Run]) { row = r.Value })
	f := projections.NewFold(run, append(members, runs)...)
	if err := f.Drain(stream); err != nil {
		return row, err
	}
	f.Open()
	if sel != nil {
		sel.finish()
	}
	return row, nil
}
