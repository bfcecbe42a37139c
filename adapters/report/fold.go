package report

import (
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// fold folds a stream to its end, and returns the row of the run itself.
func fold(run domain.RunID, stream projections.Stream, members []projections.Member) (row projections.Run, err error) {
	runs := projections.Runs.Into(func(r *projections.Row[projections.Run]) { row = r.Value })
	f := projections.NewFold(run, append(members, runs)...)
	if err := f.Drain(stream); err != nil {
		return row, err
	}
	f.Open()
	return row, nil
}
