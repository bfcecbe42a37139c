package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// ErrNotPruned is returned if it is unknown which runs have no stream.
var ErrNotPruned = errors.New("nothing was pruned")

// prunePage is how many of the stored runs are looked up at once.
const prunePage = 20_000

// prune removes the stored runs that have no stream. It keeps a run that has only parked
// segments. It looks up a page of the stored runs at a time, so that memory does not grow
// with their number.
func (p *pipeline) prune(ctx context.Context) error {
	for page, err := range Pages(ctx, p.page, p.store.RunIDs) {
		if err != nil {
			return fmt.Errorf("listing the stored runs: %w", err)
		}
		gone, err := p.gone(ctx, page)
		if err != nil {
			return err
		}
		for some := range slices.Chunk(gone, groupRuns) {
			if err := p.remove(ctx, removals(some)); err != nil {
				return err
			}
		}
	}
	return nil
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
			return nil, fmt.Errorf("%w, because there may be streams that cannot be read: %w", ErrNotPruned, err)
		}
		streams++
		found[source.Run()] = true
		if len(found) == p.page {
			stored = without(stored, found)
			clear(found)
		}
	}
	if streams == 0 {
		return nil, fmt.Errorf("%w, because there is no stream at all, as if a disk were not mounted", ErrNotPruned)
	}
	return without(stored, found), nil
}

func without(runs []domain.RunID, found map[domain.RunID]bool) []domain.RunID {
	return slices.DeleteFunc(runs, func(run domain.RunID) bool { return found[run] })
}

// removals returns the changes that remove runs with their parked segments and kept streams.
func removals(runs []domain.RunID) (changes []*change) {
	for _, run := range runs {
		changes = append(changes, &change{run: run, overwrite: true, unpark: maxOffset, lift: true, discard: true})
	}
	return changes
}

// remove makes changes that remove runs. If the store refuses one of them, the others are made all
// the same. A run that has changed since it was looked up stays.
func (p *pipeline) remove(ctx context.Context, changes []*change) error {
	for _, c := range changes {
		c.clear = p.of
	}
	if !p.options.DryRun {
		_ = p.commit(ctx, time.Time{}, changes...)
	}
	var err error
	for _, c := range changes {
		switch {
		case c.err == nil && !c.stale:
			p.options.Done(Result{RunID: c.run, Outcome: Pruned})
		case c.err != nil && err == nil:
			err = fmt.Errorf("pruning: %w", c.err)
		}
	}
	return err
}

// Retention says which runs [Prune] removes: those that meet all conditions that are set.
type Retention struct {
	// Before is a time, in milliseconds since the Unix epoch: the last event of the run was
	// earlier. A run without events has no time, and stays.
	Before projections.Null[int64]
	// Keep is how many of the newest runs stay, by the time of their first event.
	Keep int
}

// ParseRetention returns the retention of --older-than, an age or a time, or "", and of --keep, 0 for
// all runs.
func ParseRetention(olderThan string, keep int, now time.Time) (r Retention, err error) {
	r.Keep = keep
	if olderThan != "" {
		r.Before, err = parseTime(olderThan, now)
	}
	if err == nil && (keep < 0 || keep == 0 && olderThan == "") {
		err = errors.New("say which runs to remove: give their age, or the number of newest runs to keep")
	}
	return r, err
}

// Prune removes runs with their rows, parked segments and kept streams, the oldest first, some at a
// time. A run that is written meanwhile stays. Options.DryRun and Options.Done work as for
// [Rebuild].
func Prune(ctx context.Context, s Store, retention Retention, options Options) (Summary, error) {
	summary := Summary{Runs: map[Outcome]int{}}
	old, err := retention.find(ctx, s)
	if err != nil {
		return summary, err
	}
	p := newPipeline(s, nil, options.reporting(summary.add))
	slices.Reverse(old)
	for some := range slices.Chunk(old, groupRuns) {
		known, err := s.Checkpoints(ctx, some)
		if err != nil {
			return summary, err
		}
		changes := removals(some)
		for _, c := range changes {
			c.known, c.stored = known[c.run]
			c.overwrite = false
		}
		if err := p.remove(ctx, changes); err != nil {
			return summary, err
		}
	}
	return summary, nil
}

// find returns the runs that are to be removed, newest first.
func (r Retention) find(ctx context.Context, s Store) (old []domain.RunID, err error) {
	const pageRuns = 1000
	page, seen := Page{Limit: pageRuns}, 0
	for {
		runs, err := s.Runs(ctx, page)
		if err != nil {
			return nil, fmt.Errorf("listing the stored runs: %w", err)
		}
		for i := range runs {
			seen++
			if last := runs[i].LastAtMs; seen > r.Keep && (!r.Before.Valid || last.Valid && last.V < r.Before.V) {
				old = append(old, runs[i].RunID)
			}
		}
		if len(runs) < pageRuns {
			return old, nil
		}
		page.After = &runs[len(runs)-1].Run
	}
}
