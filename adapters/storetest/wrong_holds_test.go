package storetest

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// holding returns how to open a store that changes segments that it is to hold.
func holding(change func(*domain.Segment)) func() store.Store {
	return brokenBy(func(tx *brokenTx) {
		tx.hold = func(segments []domain.Segment) error {
			segments = slices.Clone(segments)
			for i := range segments {
				change(&segments[i])
			}
			return tx.Tx.Hold(segments)
		}
	})
}

// quarantining returns how to open a store that changes quarantines.
func quarantining(change func(*store.Quarantine)) func() store.Store {
	return brokenBy(func(tx *brokenTx) {
		tx.quarantine = func(run domain.RunID, q *store.Quarantine) error {
			if q == nil {
				return tx.Tx.SetQuarantine(run, nil)
			}
			changed := *q
			change(&changed)
			return tx.Tx.SetQuarantine(run, &changed)
		}
	})
}

// stating returns how to open a store that changes states.
func stating(change func(string) string) func() store.Store {
	return brokenBy(func(tx *brokenTx) {
		tx.checkpoint = func(run domain.RunID, c store.Checkpoint) error {
			c.State = change(c.State)
			return tx.Tx.SetCheckpoint(run, c)
		}
	})
}

// listingWaiting returns how to open a store that changes what waits.
func listingWaiting(change func([]store.Waiting) []store.Waiting) func() store.Store {
	return func() store.Store {
		s := memory.New()
		return &listing{Store: s, waiting: func(ctx context.Context, runs []domain.RunID) ([]store.Waiting, error) {
			all, err := s.Waiting(ctx, runs...)
			return change(all), err
		}}
	}
}

func waitingAs(change func(*store.Waiting)) func() store.Store {
	return listingWaiting(func(all []store.Waiting) []store.Waiting {
		for i := range all {
			change(&all[i])
		}
		return all
	})
}

// waitingChanged changes what waits in any store.
type waitingChanged struct {
	store.Store
	change func(*store.Waiting)
}

func (s *waitingChanged) Waiting(ctx context.Context, runs ...domain.RunID) ([]store.Waiting, error) {
	all, err := s.Store.Waiting(ctx, runs...)
	for i := range all {
		s.change(&all[i])
	}
	return all, err
}

func setSince(w *store.Waiting, since time.Time) {
	if w.Quarantine != nil {
		w.Quarantine.Since = since
	}
}

// finding returns how to open a store in which any held segment of a kind is
// found.
func finding(is func(s domain.Segment, offset int64) bool) func() store.Store {
	return func() store.Store {
		s := memory.New()
		return &listing{Store: s, held: func(ctx context.Context, run domain.RunID, offset int64) (domain.Segment, bool, error) {
			if found, ok, err := s.Held(ctx, run, offset); err != nil || ok && is(found, offset) {
				return found, ok, err
			}
			all, err := heldBy(ctx, s, run)
			for _, s := range all {
				if is(s, offset) {
					return s, true, err
				}
			}
			return domain.Segment{}, false, err
		}}
	}
}

// heldBy returns those held segments of a run that Held ever finds.
func heldBy(ctx context.Context, s *memory.Store, run domain.RunID) (all []domain.Segment, err error) {
	waiting, err := s.Waiting(ctx, run)
	if err != nil || len(waiting) == 0 {
		return nil, err
	}
	return heldWithin(ctx, s, run, waiting[0].First, waiting[0].Last)
}

// heldWithin returns those held segments that Held finds with a byte from first on and
// before last.
func heldWithin(ctx context.Context, s *memory.Store, run domain.RunID, first, last int64) (all []domain.Segment, err error) {
	for at := first; at < last; at++ {
		segment, ok, err := s.Held(ctx, run, at)
		switch {
		case err != nil:
			return nil, err
		case ok && !slices.ContainsFunc(all, func(s domain.Segment) bool { return segmentsEqual(s, segment) }):
			all = append(all, segment)
		}
	}
	return all, nil
}

// near is how many bytes of a stream are near each other.
const near = 64

// holdEach holds segments, unless there is a different one that passes for the
// same: it has a byte of the segment, or begins near it.
func holdEach(tx *brokenTx, segments []domain.Segment, same func(s, there domain.Segment) bool) error {
	for _, s := range segments {
		first := s.Offset - s.Offset%near
		all, err := heldWithin(context.Background(), tx.store.(*memory.Store), s.Run, first, max(first+near, s.End()))
		if err != nil {
			return err
		}
		if slices.ContainsFunc(all, func(there domain.Segment) bool { return same(s, there) }) {
			continue
		}
		if err := tx.Tx.Hold([]domain.Segment{s}); err != nil {
			return err
		}
	}
	return nil
}

// unholdWhere removes the held segments of a run of some kind.
func unholdWhere(tx *brokenTx, run domain.RunID, is func(domain.Segment) bool) error {
	all, err := heldBy(context.Background(), tx.store.(*memory.Store), run)
	if err != nil {
		return err
	}
	var stay []domain.Segment
	for _, s := range all {
		if !is(s) {
			s.Data = bytes.Clone(s.Data)
			stay = append(stay, s)
		}
	}
	if err := tx.Tx.Unhold(run, 1<<62); err != nil {
		return err
	}
	return tx.Tx.Hold(stay)
}

// holdsAside holds segments outside of the transaction, once it has ended.
type holdsAside struct{ *memory.Store }

func (s *holdsAside) Update(ctx context.Context, do func(store.Tx) error) error {
	var kept []domain.Segment
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		return do(&brokenTx{Tx: tx, hold: func(segments []domain.Segment) error {
			for _, segment := range segments {
				segment.Data = bytes.Clone(segment.Data)
				kept = append(kept, segment)
			}
			return nil
		}})
	})
	for _, segment := range kept {
		aside := &autoTx{ctx: ctx, store: s.Store, runs: []domain.RunID{segment.Run}}
		if held := aside.Hold([]domain.Segment{segment}); err == nil {
			err = held
		}
	}
	return err
}
