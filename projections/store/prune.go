package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/quire-ci/quire-project/domain"
)

// ErrNotPruned is returned if it is unknown which runs have no stream.
var ErrNotPruned = errors.New("nothing was pruned")

// prunePage is how many of the stored runs are looked up at once.
const prunePage = 20_000

// prune removes the stored runs that have no stream. It keeps a run that has only parked
// segments. It looks up a page of the stored runs at a time, so that memory does not grow
// with their number.
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

// gone returns the stored runs that have no stream.
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

// remove removes runs, and with them their parked segments, which have nothing left to
// continue. If the store refuses one of them, the others are removed all the same.
func (p *pipeline) remove(ctx context.Context, runs []domain.RunID) error {
	changes := make([]*change, len(runs))
	for i, run := range runs {
		changes[i] = &change{run: run, overwrite: true, clear: p.of, unpark: maxOffset, lift: true, discard: true}
	}
	if !p.options.DryRun {
		_ = p.commit(ctx, time.Time{}, changes...)
	}
	var err error
	for _, c := range changes {
		if c.err == nil {
			p.options.Done(Result{RunID: c.run, Outcome: Pruned})
		} else if err == nil {
			err = fmt.Errorf("pruning: %w", c.err)
		}
	}
	return err
}
