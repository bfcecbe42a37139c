package storetest

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

var parkLaws = []law{
	example("what was parked or quarantined first keeps its time", firstTimes),
	example("long segments are kept", longSegments),
	thorough("many runs can wait, and can be queried", manyWaiting),
}

// keep is what a store must have of a run in addition to its rows.
type keep struct {
	segments   []domain.Segment
	quarantine *store.Quarantine
}

func (k *keep) clone() *keep { return &keep{slices.Clone(k.segments), k.quarantine} }

// park adds a segment, unless there is one with the same place.
func (k *keep) park(s domain.Segment) {
	same := func(other domain.Segment) bool {
		return other.Offset == s.Offset && len(other.Data) == len(s.Data) && other.Tail == s.Tail
	}
	if !slices.ContainsFunc(k.segments, same) {
		s.Data = slices.Clone(s.Data)
		k.segments = append(k.segments, s)
	}
}

func (k *keep) unpark(end int64) {
	k.segments = slices.DeleteFunc(k.segments, func(s domain.Segment) bool { return s.End() <= end })
}

// lastOffset is greater than the offset of any drawn segment.
const lastOffset = 10

func (t *trial) segment(run domain.RunID) domain.Segment {
	s := domain.Segment{Run: run, Offset: int64(t.upTo(5, "offset")), Tail: t.flip("tail")}
	s.Data = rapid.SliceOfN(rapid.Byte(), 1, 4).Draw(t.draw, "data")
	if t.flip("digest") {
		s.SHA256 = sha256.Sum256(s.Data)
	}
	return s
}

func (t *trial) quarantine() *store.Quarantine {
	if t.upTo(3, "lift") == 0 {
		return nil
	}
	return &store.Quarantine{
		Code:   pick(t, "code", store.MalformedSegment, store.MissingSegment, store.OtherStream, store.NotResumable, store.RefusedRun),
		Reason: anyText().Draw(t.draw, "reason"), Offset: t.count64("offset"),
		Since: time.UnixMilli(1), // the store must ignore it
	}
}

// parkStep draws a change of what waits for a run, and makes it to next, too.
func (t *trial) parkStep(run domain.RunID, next *keep) func(store.Tx) error {
	switch t.upTo(4, "call") {
	case 0, 1:
		var segments []domain.Segment
		for range 1 + t.upTo(3, "segments") {
			s := t.segment(run)
			segments = append(segments, s)
			next.park(s)
		}
		return func(tx store.Tx) error {
			err := tx.Park(segments)
			for _, s := range segments {
				clear(s.Data) // the memory belongs to the caller again
			}
			return err
		}
	case 2:
		end := pick(t, "end", int64(t.upTo(lastOffset, "end")), math.MaxInt64)
		next.unpark(end)
		return func(tx store.Tx) error { return tx.Unpark(run, end) }
	}
	quarantine := t.quarantine()
	next.quarantine = quarantine
	return func(tx store.Tx) error { return tx.SetQuarantine(run, quarantine) }
}

// waitsAs returns an error if the store differs from what is expected.
func (t *trial) waitsAs(kept map[domain.RunID]*keep) error {
	for run, k := range kept {
		for offset := range int64(lastOffset) {
			if err := t.parkedAt(run, offset, k.segments); err != nil {
				return err
			}
		}
	}
	named := slices.Concat(t.runs, []domain.RunID{domain.RunID(t.prefix + "not there")}, t.runs)
	slices.Reverse(named)
	some, err := t.store.Waiting(t.ctx, named...)
	if err != nil {
		return err
	}
	all, err := t.store.Waiting(t.ctx)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(w store.Waiting) bool { return !slices.Contains(t.runs, w.Run) })
	if err := waitingDiffers(some, kept); err != nil {
		return fmt.Errorf("Waiting with runs: %w", err)
	}
	if err := waitingDiffers(all, kept); err != nil {
		return fmt.Errorf("Waiting: %w", err)
	}
	return nil
}

// parkedAt returns an error if Parked returns the wrong segment for an offset.
func (t *trial) parkedAt(run domain.RunID, offset int64, segments []domain.Segment) error {
	var best []domain.Segment // all equally good segments
	for _, s := range segments {
		switch better := len(best) == 0 || best[0].Tail && !s.Tail || best[0].Tail == s.Tail && len(s.Data) > len(best[0].Data); {
		case s.Offset > offset || s.End() <= offset:
		case better:
			best = []domain.Segment{s}
		case s.Tail == best[0].Tail && len(s.Data) == len(best[0].Data):
			best = append(best, s)
		}
	}
	got, ok, err := t.store.Parked(t.ctx, run, offset)
	switch {
	case err != nil:
		return err
	case ok != (len(best) > 0):
		return fmt.Errorf("Parked finds a segment with byte %d: %t; there are %d", offset, ok, len(best))
	case ok && !slices.ContainsFunc(best, func(s domain.Segment) bool { return segmentsEqual(s, got) }):
		return fmt.Errorf("Parked finds with byte %d %s, not %s", offset, show(got), show(best))
	}
	return nil
}

func segmentsEqual(a, b domain.Segment) bool {
	return a.Run == b.Run && a.Offset == b.Offset && a.Tail == b.Tail && a.SHA256 == b.SHA256 && bytes.Equal(a.Data, b.Data)
}

// waitingDiffers compares everything except times, which only have to be plausible.
func waitingDiffers(got []store.Waiting, kept map[domain.RunID]*keep) error {
	if !slices.IsSortedFunc(got, func(a, b store.Waiting) int { return bytes.Compare([]byte(a.Run), []byte(b.Run)) }) {
		return errors.New("the runs are not in the order of their ids")
	}
	found := map[domain.RunID]bool{}
	for _, w := range got {
		if found[w.Run] {
			return fmt.Errorf("run %s comes twice", show(w.Run))
		}
		found[w.Run] = true
		if err := kept[w.Run].differs(w); err != nil {
			return fmt.Errorf("run %s: %w", show(w.Run), err)
		}
	}
	for run, k := range kept {
		if !found[run] && (len(k.segments) > 0 || k.quarantine != nil) {
			return fmt.Errorf("run %s is missing", show(run))
		}
	}
	return nil
}

func (k *keep) differs(got store.Waiting) error {
	want := store.Waiting{Run: got.Run, Age: got.Age, Quarantine: got.Quarantine, Segments: len(k.segments)}
	for i, s := range k.segments {
		want.Bytes += int64(len(s.Data))
		want.Last = max(want.Last, s.End())
		if want.First = min(want.First, s.Offset); i == 0 {
			want.First = s.Offset
		}
	}
	q := got.Quarantine
	switch {
	case len(k.segments) == 0 && k.quarantine == nil:
		return errors.New("it does not wait")
	case got != want:
		return fmt.Errorf("%s", fields(got, want))
	case got.Age < 0 || got.Age > time.Hour || len(k.segments) == 0 && got.Age != 0:
		return fmt.Errorf("its oldest of %d segments is %v old", len(k.segments), got.Age)
	case (q == nil) != (k.quarantine == nil):
		return fmt.Errorf("its quarantine is %s, not %s", show(q), show(k.quarantine))
	case q == nil:
		return nil
	case q.Code != k.quarantine.Code || q.Reason != k.quarantine.Reason || q.Offset != k.quarantine.Offset:
		return fmt.Errorf("its quarantine is %s, not %s", show(*q), show(*k.quarantine))
	case time.Since(q.Since).Abs() > time.Hour:
		return fmt.Errorf("its quarantine was set at %v", q.Since)
	}
	return nil
}

func (t *trial) park(segments ...domain.Segment) {
	must(t.update([]domain.RunID{segments[0].Run}, func(tx store.Tx) { must(tx.Park(segments)) }))
}

// firstTimes parks a segment and quarantines its run, and does both once more when some time has gone
// by, with another segment and for another reason.
func firstTimes(t *trial) {
	const old = 30 * time.Millisecond
	run := t.run("a")
	first, second := domain.Segment{Run: run, Offset: 5, Data: []byte("first\n")}, domain.Segment{Run: run, Offset: 50, Data: []byte("second\n")}
	wait := func(q store.Quarantine, segments ...domain.Segment) {
		must(t.update([]domain.RunID{run}, func(tx store.Tx) { must(errors.Join(tx.Park(segments), tx.SetQuarantine(run, &q))) }))
	}
	var since time.Time
	wait(store.Quarantine{Code: store.MissingSegment, Reason: "one"}, first)
	begin := time.Now()
	must(t.until(run, func(w store.Waiting) bool {
		since = w.Quarantine.Since
		return w.Age >= old || time.Since(begin) > time.Second
	}))
	wait(store.Quarantine{Code: store.MalformedSegment, Reason: "two", Offset: 2, Since: time.UnixMilli(3)}, first, second)
	waiting := value(t.store.Waiting(t.ctx, run))
	failIf(len(waiting) != 1 || waiting[0].Age < old, "the oldest segment is younger than it was: %+v", waiting)
	failIf(!waiting[0].Quarantine.Since.Equal(since), "the time was %v, and is %v now", since, waiting[0].Quarantine.Since)
}

// longSegments parks segments as long as a line may be, and longer ones, with all byte values.
func longSegments(t *trial) {
	run := t.run("a")
	data := make([]byte, 17<<20)
	for i := range data {
		data[i] = byte(i >> 8 * i)
	}
	s := domain.Segment{Run: run, Offset: 1 << 40, Data: data, SHA256: sha256.Sum256(data)}
	t.park(s)
	got, ok, err := t.store.Parked(t.ctx, run, s.End()-1)
	if err == nil && (!ok || !segmentsEqual(got, s)) {
		err = fmt.Errorf("found: %t; it begins at %d and has %d bytes", ok, got.Offset, len(got.Data))
	}
	must(err)
}

// manyWaiting has very many runs. Some of them wait.
func manyWaiting(t *trial) {
	const asked, waiting = 12_000, 30
	var runs, many []domain.RunID
	for i := range asked {
		run := domain.RunID(fmt.Sprintf("%s%06d", t.prefix, i))
		if many = append(many, run); i%(asked/waiting) == 0 {
			runs = append(runs, t.run(fmt.Sprintf("%06d", i)))
		}
	}
	err := t.update(runs, func(tx store.Tx) {
		for _, run := range runs {
			must(tx.SetQuarantine(run, &store.Quarantine{Code: store.MalformedSegment}))
		}
	})
	must(err)
	slices.Reverse(many)
	found := value(t.store.Waiting(t.ctx, many...))
	var got []domain.RunID
	for _, w := range found {
		got = append(got, w.Run)
	}
	failIf(!slices.Equal(got, runs), "of %d runs that wait, %d were found, or in another order", len(runs), len(got))
}
