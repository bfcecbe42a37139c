package storetest

import (
	"context"
	"errors"
	"iter"
	"slices"
	"unicode/utf16"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// unisolated reads what is stored at each call.
type unisolated struct{ *memory.Store }

func (s *unisolated) View(ctx context.Context, run domain.RunID, do func(store.Snapshot) error) error {
	return s.Store.View(ctx, run, func(snapshot store.Snapshot) error {
		now := &brokenSnapshot{Snapshot: snapshot}
		now.jobs = func(iter.Seq2[job, error]) iter.Seq2[job, error] {
			return func(yield func(job, error) bool) {
				_ = s.Store.View(ctx, run, func(snapshot store.Snapshot) error {
					snapshot.Jobs()(yield)
					return nil
				})
			}
		}
		return do(now)
	})
}

// missingRuns has an error for a run that is not there.
type missingRuns struct{ *memory.Store }

func (s *missingRuns) View(ctx context.Context, run domain.RunID, do func(store.Snapshot) error) error {
	return s.Store.View(ctx, run, func(snapshot store.Snapshot) error {
		if _, ok, _ := snapshot.Run(); !ok {
			return errors.New("no rows")
		}
		return do(snapshot)
	})
}

// exclusive lets one sequence be open at a time.
func exclusive[R any](busy *bool) func(iter.Seq2[R, error]) iter.Seq2[R, error] {
	return func(rows iter.Seq2[R, error]) iter.Seq2[R, error] {
		return func(yield func(R, error) bool) {
			if *busy {
				yield(*new(R), errors.New("the connection is busy"))
				return
			}
			*busy = true
			defer func() { *busy = false }()
			rows(yield)
		}
	}
}

// withinConnections lets so many sequences be left before their ends.
func withinConnections[R any](used *int, connections int) func(iter.Seq2[R, error]) iter.Seq2[R, error] {
	return func(rows iter.Seq2[R, error]) iter.Seq2[R, error] {
		return func(yield func(R, error) bool) {
			if *used == connections {
				yield(*new(R), errors.New("no connection is left"))
				return
			}
			*used++
			for row, err := range rows {
				if !yield(row, err) {
					return
				}
			}
			*used--
		}
	}
}

// sortedBy changes the order of rows.
func sortedBy[R comparable](order func(a, b projections.Row[R]) int) func(iter.Seq2[projections.Row[R], error]) iter.Seq2[projections.Row[R], error] {
	return func(rows iter.Seq2[projections.Row[R], error]) iter.Seq2[projections.Row[R], error] {
		return func(yield func(projections.Row[R], error) bool) {
			var all []projections.Row[R]
			_ = collect("rows", &all, rows)
			slices.SortFunc(all, order)
			for _, row := range all {
				if !yield(row, nil) {
					return
				}
			}
		}
	}
}

// listing has functions in place of some methods.
type listing struct {
	*memory.Store
	checkpoints func(context.Context, []domain.RunID) (map[domain.RunID]store.Checkpoint, error)
	runs        func(context.Context, store.Page) ([]store.Run, error)
	runIDs      func(context.Context, domain.RunID, int) ([]domain.RunID, error)
	waiting     func(context.Context, []domain.RunID) ([]store.Waiting, error)
	held        func(context.Context, domain.RunID, int64) (domain.Segment, bool, error)
}

func (s *listing) Waiting(ctx context.Context, runs ...domain.RunID) ([]store.Waiting, error) {
	if s.waiting == nil {
		return s.Store.Waiting(ctx, runs...)
	}
	return s.waiting(ctx, runs)
}

func (s *listing) Held(ctx context.Context, run domain.RunID, offset int64) (domain.Segment, bool, error) {
	if s.held == nil {
		return s.Store.Held(ctx, run, offset)
	}
	return s.held(ctx, run, offset)
}

func (s *listing) Checkpoints(ctx context.Context, runs []domain.RunID) (map[domain.RunID]store.Checkpoint, error) {
	if s.checkpoints == nil {
		return s.Store.Checkpoints(ctx, runs)
	}
	return s.checkpoints(ctx, runs)
}

func (s *listing) Runs(ctx context.Context, page store.Page) ([]store.Run, error) {
	if s.runs == nil {
		return s.Store.Runs(ctx, page)
	}
	return s.runs(ctx, page)
}

func (s *listing) RunIDs(ctx context.Context, after domain.RunID, limit int) ([]domain.RunID, error) {
	if s.runIDs == nil {
		return s.Store.RunIDs(ctx, after, limit)
	}
	return s.runIDs(ctx, after, limit)
}

// listingRuns returns how to open a store that lists runs in some order.
func listingRuns(order func(a, b store.Run) int) func() store.Store {
	return func() store.Store {
		s := memory.New()
		return &listing{Store: s, runs: func(ctx context.Context, page store.Page) ([]store.Run, error) {
			runs, err := s.Runs(ctx, store.Page{Limit: 1000})
			slices.SortStableFunc(runs, order)
			if page.After != nil {
				runs = slices.DeleteFunc(runs, func(run store.Run) bool { return order(run, *page.After) <= 0 })
			}
			return runs[:min(len(runs), page.Limit)], err
		}}
	}
}

// listingIDs returns how to open a store that lists ids in some order.
func listingIDs(order func(a, b domain.RunID) int) func() store.Store {
	return func() store.Store {
		s := memory.New()
		return &listing{Store: s, runIDs: func(ctx context.Context, after domain.RunID, limit int) ([]domain.RunID, error) {
			ids, err := s.RunIDs(ctx, "", 1000)
			slices.SortFunc(ids, order)
			ids = slices.DeleteFunc(ids, func(id domain.RunID) bool { return order(id, after) <= 0 })
			return ids[:min(len(ids), limit)], err
		}}
	}
}

// utf16Bytes is what some runtimes compare text by.
func utf16Bytes(id domain.RunID) []byte {
	var out []byte
	for _, unit := range utf16.Encode([]rune(string(id))) {
		out = append(out, byte(unit>>8), byte(unit))
	}
	return out
}
