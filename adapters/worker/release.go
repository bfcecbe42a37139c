package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/quire-ci/quire-project/adapters/internal/printable"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// ErrNotWaiting is wrapped by the error for a run that is neither quarantined nor has parked segments.
var ErrNotWaiting = errors.New("it is not quarantined, and no segment of it is parked; quire-project quarantine list shows other runs")

// Release calls do, which is [store.Projector.Retry] or [store.Projector.Drop], for the given runs or,
// if there are none, for all quarantined runs. Workers may be running. Release returns how many runs
// are no longer quarantined, and an error for each of the others.
func Release(ctx context.Context, s store.Store, lines jsonl.Options, runs []domain.RunID,
	do func(*store.Projector, context.Context, domain.RunID) error) (released int, failed []error, err error) {
	projector := store.NewProjector(s, jsonl.NewSegments(lines), store.ProjectorOptions{})
	defer func() { err = cmp.Or(err, projector.Close(context.WithoutCancel(ctx))) }()
	if len(runs) == 0 {
		waiting, err := s.Waiting(ctx)
		if err != nil {
			return 0, nil, err
		}
		for i := range waiting {
			if waiting[i].Quarantine != nil {
				runs = append(runs, waiting[i].Run)
			}
		}
	}
	for _, run := range runs {
		again, err := release(ctx, s, projector, run, do)
		switch {
		case err != nil && !errors.Is(err, ErrNotWaiting):
			return released, failed, err
		case err != nil:
			failed = append(failed, fmt.Errorf("run %s: %w", printable.Name(string(run)), err))
		case again != nil:
			failed = append(failed, fmt.Errorf("run %s is quarantined again (%s): %s", printable.Name(string(run)), again.Code, again.Reason))
		default:
			released++
		}
	}
	return released, failed, nil
}

// release returns the quarantine of a run after do.
func release(ctx context.Context, s store.Store, projector *store.Projector, run domain.RunID,
	do func(*store.Projector, context.Context, domain.RunID) error) (*store.Quarantine, error) {
	waiting, err := s.Waiting(ctx, run)
	if err == nil && len(waiting) == 0 {
		err = ErrNotWaiting
	}
	if err == nil {
		err = do(projector, ctx, run)
	}
	if err == nil {
		waiting, err = s.Waiting(ctx, run)
	}
	if err != nil || len(waiting) == 0 {
		return nil, err
	}
	return waiting[0].Quarantine, nil
}
