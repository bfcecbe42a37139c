package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/quire-ci/quire-project/domain"
)

// ErrNotPruned is returned where it cannot be told which runs have no stream.
var ErrNotPruned = errors.New("nothing was pruned")

// prunePage is how many of the stored runs are looked for at once.
const prunePage = 20_000

// prune removes the runs that have none of the streams. A run that has no rows
// yet, but segments that wait for others, is none of them. It looks for a page of
// the stored runs at a time, so that memory does not grow with their number.
func (p *pipeline) prune(ctx context.Context) error {
	for after := domain.RunID(""); ; {
		page, err := p.store.RunIDs(ctx, after, p.page)
		if err != nil {
			return fmt.Errorf("listing the stored runs: %w", err)
		}
		if len(page) == 0 {
			return nil
		}
		after = page[len(page)-1]
		gone, err := p.gone(ctx, page)
		if err != nil {
			return err
		}
		for some := range slices.Chunk(gone, groupRuns) {
			if err := p.remove(ctx, some); err != nil {
				return err
			}
		}
	}
}

// gone returns those of stored runs that have none of the streams.
func (p *pipeline) gone(ctx context.Context, stored []domain.RunID) ([]domain.RunID, error) {
	found, streams := map[domain.RunID]bool{}, 0
	for source, err := range p.sources.All() {
		var duplicate *DuplicateError
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil && !errors.As(err, &duplicate):
			return nil, fmt.Errorf("%w, because streams may be where they cannot be seen: %w", ErrNotPruned, err)
		}
		streams++
		found[source.Run()] = true
		if len(found) == p.page {
			stored = without(stored, found)
			clear(found)
		}
	}
	if streams == 0 {
		return nil, fmt.Errorf("%w, because there is no stream at all, as where a disk is not mounted", ErrNotPruned)
	}
	return without(stored, found), nil
}

func without(runs []domain.RunID, found map[domain.RunID]bool) []domain.RunID {
	return slices.DeleteFunc(runs, func(run domain.RunID) bool { return found[run] })
}

// remove removes runs in one transaction, and with them what is parked of them:
// what it would continue is gone.
func (p *pipeline) remove(ctx context.Context, runs []domain.RunID) error {
	if !p.options.DryRun {
		err := p.store.Update(ctx, func(tx Tx) error {
			if _, err := p.writer.lock(tx, runs); err != nil {
				return err
			}
			for _, run := range runs {
				if err := errors.Join(tx.Unpark(run, maxOffset), tx.SetQuarantine(run, nil)); err != nil {
					return err
				}
			}
			return tx.Clear(runs, p.store.Projections().Stored())
		})
		if err != nil {
			return fmt.Errorf("pruning: %w", err)
		}
	}
	for _, run := range runs {
		p.options.done(Result{RunID: run, Outcome: Pruned})
	}
	return nil
}
