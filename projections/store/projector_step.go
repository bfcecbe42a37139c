package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// step is what a batch does to one run.
type step struct {
	change
	p        *Projector
	ctx      context.Context
	live     *liveRun
	requests []*request // to be answered when the step is written
	later    []*request // that have to wait
	batch    *Rows      // the rows of the change

	parkBytes         int64 // of the segments to be parked
	full              bool  // there was no room to park a segment
	checked           bool  // the run has waited for long enough
	searched          int64 // the end for which no parked segment was found
	taken, takenBytes int   // the parked segments that are applied
	segments, dropped int
	first             fault // the first segment that is applied

	stream [][]byte // the parts that are applied
	ended  bool     // the run had ended before

	more bool            // parked segments are left for the next transaction
	cut  *domain.Segment // the segment whose rest is left for the next transaction
}

// maxOffset is greater than the offset of any segment.
const maxOffset = math.MaxInt64

// errFault says that a segment could not be applied. The fold of the run is spoilt; when the
// batch is made again, the segment is known as a fault.
var errFault = errors.New("a segment cannot be applied")

// fold makes the step of a run out of its requests, and then of its parked segments.
func (p *Projector) fold(ctx context.Context, l *liveRun, requests []*request) (*step, error) {
	l.used = p.batches
	slices.SortStableFunc(requests, func(a, b *request) int {
		return cmp.Or(cmp.Compare(a.segment.Offset, b.segment.Offset), cmp.Compare(b.segment.End(), a.segment.End()))
	})
	s := &step{p: p, ctx: ctx, live: l, searched: -1, ended: l.fold.Run().Ended()}
	s.run, s.known, s.stored, s.truncate, s.lift = l.id, l.known, l.stored, l.torn, l.void
	s.carries, s.from = true, l.mark.Bytes
	for _, r := range requests {
		if err := s.request(r); err != nil {
			return nil, err
		}
	}
	if err := s.applyParked(); err != nil {
		return nil, err
	}
	switch waiting := &l.waiting; {
	case s.quarantine != nil || s.more || s.full || len(s.park) > 0:
	case waiting.Segments == 0 && waiting.Quarantine != nil && waiting.Quarantine.lifts():
		s.lift = true
	case s.checked && waiting.Segments > 0 && waiting.Quarantine == nil:
		s.quarantine = l.quarantine(MissingSegment, "the segment that begins there is missing; publish the stream again, or ingest its file and retry")
	}
	if s.segments == 0 {
		return s, nil
	}
	return s, s.finish()
}

// request executes one request, or leaves it for later.
func (s *step) request(r *request) error {
	l := s.live
	early := r.kind == applySegment && r.segment.Offset > l.end.Bytes
	if early {
		if err := s.applyParked(); err != nil {
			return err
		}
		early = r.segment.Offset > l.end.Bytes
	}
	switch {
	case s.more || l.spent:
		s.later, s.p.hurry = append(s.later, r), true
		return nil
	case early && !r.append && l.notResumable == nil && l.waiting.Quarantine.lifts() && time.Since(r.since) < s.p.options.Grace:
		s.later = append(s.later, r) // those before it may be under way
		return nil
	}
	s.requests = append(s.requests, r)
	switch r.kind {
	case retryRun:
		s.retry()
	case dropRun:
		s.retry()
		s.unpark, l.waiting.Segments, l.waiting.Bytes = maxOffset, 0, 0
	case checkRun:
		s.checked = true
	case applySegment:
		r.refused = nil
		return s.segment(r)
	}
	return nil
}

// retry forgets why a run is quarantined.
func (s *step) retry() {
	l := s.live
	if s.p.decoder.Continues(l.reading) {
		l.reading = s.p.decoder.ReadOptions()
	}
	s.lift = s.lift || l.waiting.Quarantine != nil
	l.waiting.Quarantine = nil
}

// segment applies, drops or parks a segment.
func (s *step) segment(r *request) error {
	l, segment := s.live, &r.segment
	switch {
	case len(segment.Data) == 0 && !l.stored && l.waiting.Quarantine.lifts() && s.segments == 0:
		return s.apply(segment) // which makes the run
	case segment.End() <= l.end.Bytes && l.agrees(segment):
		s.dropped++
	case r.append && !s.appends(r):
	case segment.End() <= l.end.Bytes:
		s.quarantine = l.quarantine(OtherStream, "another stream with this run's id was read before")
		s.parkSegment(r)
	case !l.waiting.Quarantine.lifts() || s.quarantine != nil:
		s.parkSegment(r)
	case l.notResumable != nil:
		s.quarantine = l.notResumable
		s.parkSegment(r)
	case segment.Offset > l.end.Bytes:
		s.parkSegment(r)
	default:
		return s.apply(segment)
	}
	return nil
}

// appends reports whether a segment continues the run. If not, it notes the error for the sender.
func (s *step) appends(r *request) bool {
	l, segment, name := s.live, &r.segment, faultOf(&r.segment)
	refused := &NotAppendedError{Run: r.run, Expected: l.mark.Bytes}
	switch found := s.p.faults[name]; {
	case segment.End() <= l.end.Bytes:
		refused.Quarantine = l.quarantine(OtherStream, "another stream with this run's id was read before")
	case !l.waiting.Quarantine.lifts():
		refused.Quarantine = l.waiting.Quarantine
	case s.quarantine != nil:
		refused.Quarantine = s.quarantine
	case l.notResumable != nil:
		refused.Quarantine = l.notResumable
	case segment.Offset > l.mark.Bytes:
	case found != nil:
		delete(s.p.faults, name)
		refused.Quarantine, refused.Err = found, found.cause
	default:
		return true
	}
	r.refused = refused
	return false
}

// parkSegment parks a segment if there is room; otherwise its sender has to keep it.
func (s *step) parkSegment(r *request) {
	l, size := s.live, int64(len(r.segment.Data))
	if l.waiting.Bytes+s.parkBytes+size <= s.p.options.MaxParkedBytes {
		s.park, s.parkBytes = append(s.park, r.segment), s.parkBytes+size
		return
	}
	s.full = true
	r.refused = fmt.Errorf("run %q, offset %d: %w (%d bytes)", r.run, r.segment.Offset, ErrParkedFull, s.p.options.MaxParkedBytes)
	if s.quarantine == nil && l.waiting.Quarantine == nil {
		s.quarantine = l.quarantine(MissingSegment, fmt.Sprintf(
			"the segment that begins there is missing, and %d bytes are parked: further segments stay on the broker; publish the stream again, or ingest its file and retry", l.waiting.Bytes+s.parkBytes))
	}
}

// apply applies a segment that continues the run. It fails with errFault if the segment
// cannot be applied, and quarantines the run if that is known.
func (s *step) apply(segment *domain.Segment) error {
	name := faultOf(segment)
	if q := s.p.faults[name]; q != nil {
		delete(s.p.faults, name)
		q.cause = nil
		s.park, s.quarantine = append(s.park, *segment), q
		return nil
	}
	before := s.live.mark.Bytes
	q, err := s.live.apply(s.p.decoder, segment, s.p.atMost)
	if err != nil {
		return err
	}
	if q != nil {
		s.p.faults[name] = q
		return errFault
	}
	s.stream = append(s.stream, segment.Data[before-segment.Offset:s.live.end.Bytes-segment.Offset])
	if s.live.end.Bytes < segment.End() {
		s.more, s.cut = true, segment
	}
	if s.segments == 0 {
		s.first = name
	}
	s.segments++
	return nil
}

// applyParked applies the parked segments that continue the run, as many as fit into one
// transaction.
func (s *step) applyParked() error {
	l := s.live
	for !s.more && l.waiting.Segments > 0 && s.quarantine == nil && l.waiting.Quarantine.lifts() && s.searched != l.end.Bytes {
		if l.spent || s.taken >= s.p.options.MaxParked || s.takenBytes >= maxBatchBytes || s.segments >= s.p.atOnce {
			s.more = true
			return nil
		}
		s.unpark = max(s.unpark, l.end.Bytes)
		segment, found, err := s.p.store.Parked(s.ctx, l.id, l.end.Bytes)
		switch {
		case err != nil:
			return err
		case !found:
			return s.recount()
		case l.notResumable != nil:
			s.quarantine = l.notResumable
			return nil
		}
		s.taken++
		s.takenBytes += len(segment.Data)
		if err := s.apply(&segment); err != nil {
			return err
		}
		s.unpark = max(s.unpark, l.end.Bytes)
	}
	return nil
}

// recount finds out whether any segments stay parked when the step is written.
func (s *step) recount() error {
	waiting, err := s.p.store.Waiting(s.ctx, s.run)
	if err != nil {
		return err
	}
	l := s.live
	s.searched, l.waiting.Segments = l.end.Bytes, 0
	if len(waiting) > 0 && waiting[0].Last > l.end.Bytes {
		l.waiting.Segments = waiting[0].Segments
	}
	return nil
}

// finish collects the open rows, and makes the checkpoint.
func (s *step) finish() error {
	l := s.live
	if err := l.collector.end(l.saveDigest, func() error { return nil }); err != nil {
		return err
	}
	s.next = l.checkpoint(l.mark, l.end, l.reading, s.p.source(l))
	s.batch = l.take()
	s.batch.Stream = s.stream
	s.rows = once(s.batch)
	if !l.stored {
		s.clear = l.of
	}
	l.fold.Detach()
	return nil
}

// bytes returns how many bytes of the stream are applied.
func (s *step) bytes() int64 {
	if s.rows == nil {
		return 0
	}
	return s.next.End.Bytes - s.known.End.Bytes
}

// conclude notes that the step is written.
func (s *step) conclude(done *Batch) {
	l := s.live
	if s.rows != nil {
		l.known, l.stored, l.torn = s.next, true, false
		l.markStored()
		done.Runs++
		done.Events += s.next.Events - s.known.Events
		s.written(done)
	}
	l.waiting.Segments += len(s.park)
	l.waiting.Bytes += s.parkBytes
	switch {
	case s.quarantine != nil:
		l.waiting.Quarantine, l.void = s.quarantine, false
		done.Quarantined = append(done.Quarantined, l.id)
	case s.lift:
		l.waiting.Quarantine, l.void = nil, false
		done.Lifted = append(done.Lifted, l.id)
	}
	done.Segments += s.segments
	done.Bytes += s.bytes()
	done.Dropped += s.dropped
	done.Parked += len(s.park)
}

// written notes the row of the run.
func (s *step) written(done *Batch) {
	run := s.live.fold.Run()
	for i := range s.batch.Tables {
		if t := &s.batch.Tables[i]; t.Of == projections.RunTable.Definition && t.Rows.Len() > 0 {
			row := t.Of.Any(t.Rows.At(0).Value).(Run)
			written := WrittenRun{
				Run: row, Labels: run.Labels, Ends: run.Ended() && !s.ended && !s.live.spent,
				Before: s.known.End, After: s.next.End,
			}
			if !s.truncate {
				written.Changed = s.batch
			}
			done.Written = append(done.Written, written)
		}
	}
}

// source returns the name of a run's source: the existing one, or the one for a new run.
func (p *Projector) source(l *liveRun) string {
	if l.known.Source != "" || p.options.Source == nil {
		return l.known.Source
	}
	return p.options.Source(l.id)
}
