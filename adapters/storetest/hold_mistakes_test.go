package storetest

import (
	"context"
	"crypto/sha256"
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

const (
	asWritten = "what is held, and why a run is quarantined, is as it was written"
	setTwice  = "a checkpoint that is set again is another"
	someOrder = "segments in any order, late and twice, give the rows of the stream"
)

var holdMistakes = slices.Concat(holdingMistakes, waitingMistakes, quarantineMistakes, stateMistakes)

var holdingMistakes = []mistake{
	{"Hold knows a segment by its offset", asWritten, brokenBy(func(tx *brokenTx) {
		tx.hold = func(segments []domain.Segment) error {
			return holdEach(tx, segments, func(s, there domain.Segment) bool { return s.Offset == there.Offset })
		}
	})},
	{"segments that are near each other pass for one", someOrder, brokenBy(func(tx *brokenTx) {
		tx.hold = func(segments []domain.Segment) error {
			return holdEach(tx, segments, func(s, there domain.Segment) bool { return s.Offset/near == there.Offset/near })
		}
	})},
	{"Hold knows a segment by its end", asWritten, brokenBy(func(tx *brokenTx) {
		tx.hold = func(segments []domain.Segment) error {
			return holdEach(tx, segments, func(s, there domain.Segment) bool { return s.End() == there.End() })
		}
	})},
	{"a tail takes the place of lines", asWritten, brokenBy(func(tx *brokenTx) {
		tx.hold = func(segments []domain.Segment) error {
			return holdEach(tx, segments, func(s, there domain.Segment) bool {
				return s.Offset == there.Offset && s.End() == there.End()
			})
		}
	})},
	{"Hold keeps the first of several", asWritten, brokenBy(func(tx *brokenTx) {
		tx.hold = func(segments []domain.Segment) error { return tx.Tx.Hold(segments[:1]) }
	})},
	{"digests are not kept", asWritten, holding(func(s *domain.Segment) { s.SHA256 = [sha256.Size]byte{} })},
	{"tails are not told", asWritten, holding(func(s *domain.Segment) { s.Tail = false })},
	{"data ends at a null byte", asWritten, holding(func(s *domain.Segment) {
		before, _, cut := strings.Cut(string(s.Data), "\x00")
		if s.Data = []byte(before); cut {
			s.Data = append(s.Data, '\n')
		}
	})},
	{"data is text", asWritten, holding(func(s *domain.Segment) { s.Data = []byte(strings.ToValidUTF8(string(s.Data), "?")) })},
	{"data has at most a megabyte", "long segments are kept", holding(func(s *domain.Segment) { s.Data = s.Data[:min(len(s.Data), 1<<20)] })},
	{"data is looked at when the transaction commits", asWritten, brokenBy(func(tx *brokenTx) {
		var kept []domain.Segment
		tx.hold = func(segments []domain.Segment) error {
			kept = append(kept, segments...)
			return nil
		}
		tx.late = func() error { return tx.Tx.Hold(kept) }
	})},
	{"Unhold removes what begins before the end", asWritten, brokenBy(func(tx *brokenTx) {
		tx.unhold = func(run domain.RunID, end int64) error {
			return unholdWhere(tx, run, func(s domain.Segment) bool { return s.Offset < end })
		}
	})},
	{"Unhold removes too much, and the rows lack it", someOrder, brokenBy(func(tx *brokenTx) {
		tx.unhold = func(run domain.RunID, end int64) error { return tx.Tx.Unhold(run, math.MaxInt64) }
	})},
	{"Unhold leaves what ends at the end", asWritten, brokenBy(func(tx *brokenTx) {
		tx.unhold = func(run domain.RunID, end int64) error { return tx.Tx.Unhold(run, end-1) }
	})},
	{"Unhold leaves what ends at the end, and it waits for ever", someOrder, brokenBy(func(tx *brokenTx) {
		tx.unhold = func(run domain.RunID, end int64) error { return tx.Tx.Unhold(run, end-1) }
	})},
	{"Unhold removes those of all runs", asWritten, brokenBy(func(tx *brokenTx) {
		var locked []domain.RunID
		tx.lock = func(runs []domain.RunID) (map[domain.RunID]store.Checkpoint, error) {
			locked = runs
			return tx.Tx.Lock(runs)
		}
		tx.unhold = func(_ domain.RunID, end int64) error {
			for _, run := range locked {
				if err := tx.Tx.Unhold(run, end); err != nil {
					return err
				}
			}
			return nil
		}
	})},
	{"Clear removes what is held", asWritten, brokenBy(func(tx *brokenTx) {
		tx.clear = func(runs []domain.RunID, tables store.Tables) error {
			for _, run := range runs {
				if err := tx.Tx.Unhold(run, math.MaxInt64); err != nil {
					return err
				}
			}
			return tx.Tx.Clear(runs, tables)
		}
	})},
	{"segments are held outside of the transaction", asWritten, func() store.Store { return &holdsAside{memory.New()} }},
	{"each call is a transaction", asWritten, func() store.Store { return &autocommit{memory.New()} }},
	{"each call is a transaction", "an error at any call loses no segment", func() store.Store { return &autocommit{memory.New()} }},
}

var waitingMistakes = []mistake{
	{"Held finds the next segment", asWritten, finding(func(s domain.Segment, offset int64) bool { return s.End() > offset })},
	{"Held finds what ends at the offset", asWritten, finding(func(s domain.Segment, offset int64) bool { return s.Offset <= offset && offset <= s.End() })},
	{"Held finds only what begins at the offset", asWritten, finding(func(s domain.Segment, offset int64) bool { return s.Offset == offset })},
	{"Held finds the shortest", asWritten, func() store.Store {
		s := memory.New()
		return &listing{Store: s, held: func(ctx context.Context, run domain.RunID, offset int64) (domain.Segment, bool, error) {
			all, err := heldBy(ctx, s, run)
			all = slices.DeleteFunc(all, func(s domain.Segment) bool { return s.Offset > offset || s.End() <= offset })
			if err != nil || len(all) == 0 {
				return domain.Segment{}, false, err
			}
			return slices.MinFunc(all, func(a, b domain.Segment) int { return len(a.Data) - len(b.Data) }), true, nil
		}}
	}},
	{"Waiting forgets the last end", asWritten, waitingAs(func(w *store.Waiting) { w.Last = 0 })},
	{"Waiting takes the last offset for the last end", asWritten, waitingAs(func(w *store.Waiting) { w.Last = max(w.Last-1, 0) })},
	{"Waiting has 0 for the first offset", asWritten, waitingAs(func(w *store.Waiting) { w.First = 0 })},
	{"Waiting counts one", asWritten, waitingAs(func(w *store.Waiting) { w.Segments = min(w.Segments, 1) })},
	{"Waiting counts bytes once", asWritten, waitingAs(func(w *store.Waiting) { w.Bytes = min(w.Bytes, w.Last-w.First) })},
	{"Waiting has no age", "age is that of the segment that was held first", waitingAs(func(w *store.Waiting) { w.Age = 0 })},
	{"Waiting forgets runs that are quarantined and hold nothing", asWritten, listingWaiting(func(all []store.Waiting) []store.Waiting {
		return slices.DeleteFunc(all, func(w store.Waiting) bool { return w.Segments == 0 })
	})},
	{"Waiting forgets runs that are not quarantined", asWritten, listingWaiting(func(all []store.Waiting) []store.Waiting {
		return slices.DeleteFunc(all, func(w store.Waiting) bool { return w.Quarantine == nil })
	})},
	{"Waiting has the last run first", asWritten, listingWaiting(func(all []store.Waiting) []store.Waiting {
		slices.Reverse(all)
		return all
	})},
	{"Waiting names a run as often as it is asked for", asWritten, func() store.Store {
		s := memory.New()
		return &listing{Store: s, waiting: func(ctx context.Context, runs []domain.RunID) (all []store.Waiting, err error) {
			if len(runs) == 0 {
				return s.Waiting(ctx)
			}
			for _, run := range slices.Sorted(slices.Values(runs)) {
				some, err := s.Waiting(ctx, run)
				if all = append(all, some...); err != nil {
					return nil, err
				}
			}
			return all, nil
		}}
	}},
	{"Waiting takes 10,000 ids", "many runs can wait, and be asked for", func() store.Store {
		s := memory.New()
		return &listing{Store: s, waiting: func(ctx context.Context, runs []domain.RunID) ([]store.Waiting, error) {
			if len(runs) > 10_000 {
				return nil, errors.New("too many parameters")
			}
			return s.Waiting(ctx, runs...)
		}}
	}},
}

var quarantineMistakes = []mistake{
	{"SetQuarantine does not lift", asWritten, brokenBy(func(tx *brokenTx) {
		tx.quarantine = func(run domain.RunID, q *store.Quarantine) error {
			if q == nil {
				return nil
			}
			return tx.Tx.SetQuarantine(run, q)
		}
	})},
	{"SetQuarantine sets once", asWritten, brokenBy(func(tx *brokenTx) {
		tx.quarantine = func(run domain.RunID, q *store.Quarantine) error {
			if waiting, err := tx.store.Waiting(context.Background(), run); err != nil || q != nil && len(waiting) > 0 && waiting[0].Quarantine != nil {
				return err
			}
			return tx.Tx.SetQuarantine(run, q)
		}
	})},
	{"the offset of a quarantine is not kept", asWritten, quarantining(func(q *store.Quarantine) { q.Offset = 0 })},
	{"the reason of a quarantine is cut", asWritten, quarantining(func(q *store.Quarantine) { q.Reason = q.Reason[:min(len(q.Reason), 1)] })},
	{"the code of a quarantine is not kept", asWritten, quarantining(func(q *store.Quarantine) { q.Code = store.MalformedSegment })},
	{"the caller says since when", asWritten, func() store.Store {
		since := map[domain.RunID]time.Time{}
		s := &broken{Store: memory.New(), tx: func(tx *brokenTx) {
			tx.quarantine = func(run domain.RunID, q *store.Quarantine) error {
				if q != nil {
					since[run] = q.Since
				}
				return tx.Tx.SetQuarantine(run, q)
			}
		}}
		return &waitingChanged{s, func(w *store.Waiting) { setSince(w, since[w.Run]) }}
	}},
	{"a quarantine that is replaced is a new one", "a quarantine that is replaced keeps its time", brokenBy(func(tx *brokenTx) {
		tx.quarantine = func(run domain.RunID, q *store.Quarantine) error {
			return errors.Join(tx.Tx.SetQuarantine(run, nil), tx.Tx.SetQuarantine(run, q))
		}
	})},
	{"to lift a quarantine removes what is held", asWritten, brokenBy(func(tx *brokenTx) {
		tx.quarantine = func(run domain.RunID, q *store.Quarantine) error {
			if q == nil {
				return errors.Join(tx.Tx.Unhold(run, math.MaxInt64), tx.Tx.SetQuarantine(run, nil))
			}
			return tx.Tx.SetQuarantine(run, q)
		}
	})},
	{"what is removed by Clear is not quarantined", asWritten, brokenBy(func(tx *brokenTx) {
		tx.clear = func(runs []domain.RunID, tables store.Tables) error {
			for _, run := range runs {
				if err := tx.Tx.SetQuarantine(run, nil); err != nil {
					return err
				}
			}
			return tx.Tx.Clear(runs, tables)
		}
	})},
}

var stateMistakes = []mistake{
	{"states are not kept", "checkpoints are those that were set", stating(func(string) string { return "" })},
	{"states are not kept, and nobody goes on", "another projector goes on where one has stopped", stating(func(string) string { return "" })},
	{"states are cut", setTwice, stating(func(state string) string { return state[:min(len(state), 65_535)] })},
	{"states end at a null byte", "checkpoints are those that were set", stating(func(state string) string {
		before, _, _ := strings.Cut(state, "\x00")
		return before
	})},
	{"a state that is empty leaves what is there", setTwice, func() store.Store {
		states := map[domain.RunID]string{}
		return &broken{Store: memory.New(), tx: func(tx *brokenTx) {
			tx.clear = func(runs []domain.RunID, tables store.Tables) error {
				for _, run := range runs {
					delete(states, run)
				}
				return tx.Tx.Clear(runs, tables)
			}
			tx.checkpoint = keepingState(tx, states)
		}}
	}},
	{"a state outlives its rows", setTwice, func() store.Store {
		states, cleared := map[domain.RunID]string{}, map[domain.RunID]bool{}
		return &broken{Store: memory.New(), tx: func(tx *brokenTx) {
			tx.clear = func(runs []domain.RunID, tables store.Tables) error {
				for _, run := range runs {
					cleared[run] = true
				}
				return tx.Tx.Clear(runs, tables)
			}
			keep := keepingState(tx, states)
			tx.checkpoint = func(run domain.RunID, c store.Checkpoint) error {
				if !cleared[run] || c.State != "" {
					states[run] = c.State
					delete(cleared, run)
					return tx.Tx.SetCheckpoint(run, c)
				}
				return keep(run, c)
			}
		}}
	}},
}

// keepingState sets the state that was there before in place of an empty one.
func keepingState(tx *brokenTx, states map[domain.RunID]string) func(domain.RunID, store.Checkpoint) error {
	return func(run domain.RunID, c store.Checkpoint) error {
		if c.State == "" {
			c.State = states[run]
		}
		states[run] = c.State
		return tx.Tx.SetCheckpoint(run, c)
	}
}
