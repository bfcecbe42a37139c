package cli

import (
	"cmp"
	"context"
	"fmt"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/stores"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

func retryRuns(ctx context.Context, runs []domain.RunID, flags quarantineFlags, p *app) error {
	options, err := flags.options()
	if err != nil {
		return err
	}
	return withHeld(ctx, p, flags.to, options, func(s store.Store, projector *store.Projector) error {
		if flags.all {
			if runs, err = quarantined(ctx, s); err != nil {
				return err
			}
		}
		return eachWaiting(ctx, s, runs, p.stdio, func(run domain.RunID) (bool, error) {
			if err := projector.Retry(ctx, run); err != nil {
				return false, err
			}
			waiting, err := s.Waiting(ctx, run)
			if err != nil || len(waiting) == 0 || waiting[0].Quarantine == nil {
				return true, err
			}
			q := waiting[0].Quarantine
			say(p.err, fmt.Sprintf("run %s is quarantined again (%s): %s", run, q.Code, q.Reason))
			return false, nil
		}, "%s retried")
	})
}

func dropRuns(ctx context.Context, runs []domain.RunID, to string, p *app) error {
	return withHeld(ctx, p, to, jsonl.Options{}, func(s store.Store, projector *store.Projector) error {
		return eachWaiting(ctx, s, runs, p.stdio, func(run domain.RunID) (bool, error) {
			return true, projector.Drop(ctx, run)
		}, "what was held of %s is dropped")
	})
}

// withHeld opens a store for work on what is held in it.
func withHeld(ctx context.Context, p *app, to string, options jsonl.Options, do func(store.Store, *store.Projector) error) (err error) {
	if err := checkStore(to); err != nil {
		return err
	}
	s, err := p.open(ctx, to, stores.Options{MustExist: true, Durable: true}, sources{})
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, s.Close()) }()
	projector := store.NewProjector(s, jsonl.NewSegments(options), store.ProjectorOptions{})
	defer func() { err = cmp.Or(err, projector.Close(context.WithoutCancel(ctx))) }()
	return do(s, projector)
}

// quarantined are the runs that are quarantined.
func quarantined(ctx context.Context, s store.Store) ([]domain.RunID, error) {
	waiting, err := s.Waiting(ctx)
	var runs []domain.RunID
	for i := range waiting {
		if waiting[i].Quarantine != nil {
			runs = append(runs, waiting[i].Run)
		}
	}
	return runs, err
}

// eachWaiting does something with each of some runs that waits, and says for how
// many that worked.
func eachWaiting(ctx context.Context, s store.Store, runs []domain.RunID, std stdio, do func(domain.RunID) (bool, error), words string) error {
	worked := 0
	for _, run := range runs {
		waiting, err := s.Waiting(ctx, run)
		if err != nil {
			return err
		}
		if len(waiting) == 0 {
			tell(std.err, errNothing(run))
			continue
		}
		ok, err := do(run)
		if err != nil {
			return err
		}
		if ok {
			worked++
		}
	}
	say(std.err, fmt.Sprintf(words, plural(worked, "run")))
	if worked < len(runs) {
		return &statusError{status: statusFound}
	}
	return nil
}
