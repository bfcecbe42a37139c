package laws

import (
	"fmt"
	"slices"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// resumable is the law that folding a stream in parts, with the state saved and restored in
// between, gives the same rows as folding it at once. The law tries each cut by itself, and then
// all cuts in one pass, since the next entry may hide what a single restore has lost. Saving must
// change nothing.
//
// The state contains what is open; the reader keeps the rows. A projection that needs more of a
// final job than [projections.FinalJob] has breaks the law.
func resumable[R comparable](newProjection maker[R], stream []domain.Entry) error {
	whole := observe(newProjection()).apply(stream...).outcome()
	saved, restored := observe(newProjection()), observe(newProjection())
	every := 1 + len(stream)/30 // saving and restoring is slow
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

// reopen does what a program does that is restarted and finds its stored rows.
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

// KeptOf returns the rows that a program keeps of a fold, for [projections.Fold.Restore].
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
