package report

import (
	"slices"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// fold folds a stream to its end, and returns the row of the run.
func fold(run domain.RunID, stream projections.Stream, members []projections.Member) (row projections.Run, err error) {
	return foldSelected(run, stream, nil, members)
}

// foldSelected is like fold, for members that sel filters.
func foldSelected(run domain.RunID, stream projections.Stream, sel *selector, members []projections.Member) (row projections.Run, err error) {
	if sel != nil {
		members = slices.Insert(members, 0, projections.Into("report.selection", sel, func(*projections.Row[none]) {}))
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
