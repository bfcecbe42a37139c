package memory

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// Waiting returns the runs that are quarantined or have parked segments.
func (s *Store) Waiting(ctx context.Context, runs ...domain.RunID) ([]store.Waiting, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	waiting := []store.Waiting{}
	for id, run := range *s.now.Load() {
		if (len(run.parked) > 0 || run.quarantine != nil) && (len(runs) == 0 || slices.Contains(runs, id)) {
			waiting = append(waiting, run.waiting(id))
		}
	}
	slices.SortFunc(waiting, func(a, b store.Waiting) int { return cmp.Compare(a.Run, b.Run) })
	return waiting, nil
}

func (r *run) waiting(id domain.RunID) store.Waiting {
	w := store.Waiting{Run: id, Segments: len(r.parked)}
	if r.quarantine != nil {
		q := *r.quarantine
		w.Quarantine = &q
	}
	first := true
	for _, h := range r.parked {
		w.Bytes += int64(len(h.Data))
		if first || h.Offset < w.First {
			w.First = h.Offset
		}
		first = false
		w.Last = max(w.Last, h.End())
		w.Age = max(w.Age, time.Since(h.since))
	}
	return w
}

// Parked returns a parked segment of a run that has the byte at offset.
func (s *Store) Parked(ctx context.Context, run domain.RunID, offset int64) (domain.Segment, bool, error) {
	if err := ctx.Err(); err != nil {
		return domain.Segment{}, false, err
	}
	rows, ok := (*s.now.Load())[run]
	if !ok {
		return domain.Segment{}, false, nil
	}
	var best *domain.Segment
	for _, h := range rows.parked {
		if h.Offset <= offset && offset < h.End() && (best == nil || better(&h.Segment, best)) {
			best = &h.Segment
		}
	}
	if best == nil {
		return domain.Segment{}, false, nil
	}
	found := *best
	found.Data = slices.Clone(found.Data)
	return found, true, nil
}

// better is the order in which parked segments that have a byte are preferred.
func better(a, b *domain.Segment) bool {
	if a.Tail != b.Tail {
		return b.Tail
	}
	return cmp.Or(cmp.Compare(len(a.Data), len(b.Data)), cmp.Compare(b.Offset, a.Offset)) > 0
}

func (t *tx) Park(segments []domain.Segment) error {
	for _, s := range segments {
		if err := t.may(s.Run); err != nil {
			return err
		}
		own, key := t.change(s.Run), parkedKey{s.Offset, s.End(), s.Tail}
		if _, there := own.parked[key]; !there {
			s.Data = slices.Clone(s.Data)
			own.parked[key] = parked{s, time.Now()}
		}
	}
	return nil
}

func (t *tx) Unpark(run domain.RunID, end int64) error {
	if err := t.may(run); err != nil {
		return err
	}
	maps.DeleteFunc(t.change(run).parked, func(key parkedKey, _ parked) bool { return key.end <= end })
	return nil
}

func (t *tx) SetQuarantine(run domain.RunID, quarantine *store.Quarantine) error {
	if err := t.may(run); err != nil {
		return err
	}
	own := t.change(run)
	if quarantine == nil {
		own.quarantine = nil
		return nil
	}
	q := *quarantine
	if q.Since = time.Now(); own.quarantine != nil {
		q.Since = own.quarantine.Since
	}
	own.quarantine = &q
	return nil
}
