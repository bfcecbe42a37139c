package laws

import (
	"fmt"
	"slices"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// resumable is the law that folding a stream in parts, the state saved and
// restored between them, is folding it in one. Each cut is tried by itself,
// and then all of them in a row: what one restoring loses, the next entry may
// put back. Saving, for its part, changes nothing.
//
// The state is what is open, for a reader that keeps the rows. A projection that looks at
// more of a final job than [projections.FinalJob] says does not keep the law.
func resumable[R comparable](newProjection maker[R], stream []domain.Entry) error {
	whole := observe(newProjection()).apply(stream...).outcome()
	saved, restored := observe(newProjection()), observe(newProjection())
	every := 1 + len(stream)/30 // to save and restore takes long
	for cut := 0; cut <= len(stream); cut += every {
		second, err := reopen(saved, newProjection)
		if err != nil {
			return after(cut, err)
		}
		if err := second.apply(stream[cut:]...).outcome().differs(whole); err != nil {
			return after(cut, fmt.Errorf("saved and restored: %w", err))
		}
		if restored, err = reopen(restored, newProjection); err != nil {
			return after(cut, err)
		}
		next := stream[cut:min(cut+every, len(stream))]
		saved.apply(next...)
		restored.apply(next...)
	}
	if err := saved.outcome().differs(whole); err != nil {
		return fmt.Errorf("saving has changed the outcome: %w", err)
	}
	if err := restored.outcome().differs(whole); err != nil {
		return fmt.Errorf("saved and restored again and again: %w", err)
	}
	return nil
}

// reopen does what a program does that stops and is started again, and finds the rows where it put
// them.
func reopen[R comparable](o *observer[R], newProjection maker[R]) (*observer[R], error) {
	state, err := o.fold.Save()
	if err != nil {
		return nil, err
	}
	next := observe(newProjection())
	if err := next.fold.Restore(state, KeptOf(o.fold)); err != nil {
		return nil, err
	}
	next.final = slices.Clone(o.final)
	return next, nil
}

// KeptOf returns the rows that a program has kept of a fold, for [projections.Fold.Restore].
func KeptOf(fold *projections.Fold) projections.Kept {
	final := func(yield func(projections.FinalJob, error) bool) {
		for job := range fold.Run().Jobs() {
			if job.Final && !yield(projections.FinalJob{ID: job.ID, Index: job.Index, Started: job.Started, ShCount: job.ShCount}, nil) {
				return
			}
		}
	}
	open := func(yield func(projections.Row[projections.ShEvent], error) bool) {
		for _, row := range projections.ShEvents.New().Open(fold.Run(), nil) {
			if !yield(row, nil) {
				return
			}
		}
	}
	return projections.Kept{FinalJobs: final, OpenSh: open}
}
