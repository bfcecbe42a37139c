package report

import (
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// fold folds the projections of a report, and the run itself in any case.
type fold struct {
	run     domain.RunID
	members []projections.Member
	row     projections.Run // the run itself, once all its rows have arrived
	watched bool            // its row comes from one of the members
}

func newFold(run domain.RunID) *fold { return &fold{run: run} }

func (f *fold) add(member projections.Member) { f.members = append(f.members, member) }

// watch returns a function for the rows of a projection to go to, which go to take.
func (f *fold) watch(d *projections.Definition, take func(projections.AnyRow)) func(projections.AnyRow) {
	if d != projections.Runs.Definition {
		return take
	}
	f.watched = true
	return func(row projections.AnyRow) {
		f.row = *projections.Runs.At(row.Value)
		take(row)
	}
}

// drain folds a stream to its end.
func (f *fold) drain(stream projections.Stream) error {
	if !f.watched {
		f.add(projections.Runs.Into(func(r *projections.Row[projections.Run]) { f.row = r.Value }))
	}
	fold := projections.NewFold(f.run, f.members...)
	if err := fold.Drain(stream); err != nil {
		return err
	}
	fold.Open()
	return nil
}
