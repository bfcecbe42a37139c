package store

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// fault names a segment that was found not to be applicable.
type fault struct {
	run         domain.RunID
	offset, end int64
	sha256      [sha256.Size]byte // two streams may have one run's id
}

// change is what a batch does to one run.
type change struct {
	run      *liveRun
	requests []*request // to be answered when it is done
	later    []*request // that have to wait

	rows       *Rows // nil if nothing was applied
	next       Checkpoint
	park       []domain.Segment
	parkBytes  int64
	refused    bool            // that there was no room for a segment
	unpark     int64           // up to where nothing need be parked any more
	searched   int64           // the end behind which nothing is parked, and one
	more       bool            // may be parked that goes on, and is left for the next transaction
	cut        *domain.Segment // of which the rest is left for the next transaction
	quarantine *Quarantine
	lift       bool

	parkedSegments, parkedBytes int // of what was parked, and is applied

	segments, dropped int
	bytes, events     int64

	stale bool  // somebody else has written the run meanwhile
	err   error // why it could not be written
}

// write does what a batch asks for, in one transaction.
func (p *Projector) write(batch []*request) {
	var cancel context.CancelFunc
	p.now, cancel = context.WithTimeout(p.ctx, p.options.Timeout)
	defer cancel()
	p.batches++
	var changes []*change
	byRun := map[domain.RunID][]*request{}
	for _, r := range batch {
		byRun[r.run] = append(byRun[r.run], r)
	}
	p.load(byRun)
	for _, run := range slices.Sorted(maps.Keys(byRun)) {
		if c := p.make(p.runs[run], byRun[run]); c != nil {
			changes = append(changes, c)
		}
	}
	p.commit(changes)
	done, written := Batch{}, false
	for _, c := range changes {
		switch {
		case c.err != nil:
			delete(p.runs, c.run.id)
		case c.stale:
			delete(p.runs, c.run.id)
			p.again(c.requests)
			c.requests = nil
		default:
			written = true
			c.settle(&done)
			if c.more {
				p.goOn(c)
			}
		}
		if c.rows != nil {
			recycle(c.rows)
		}
	}
	if written && p.options.Done != nil {
		p.options.Done(done)
	}
	for _, c := range changes {
		p.answer(c.requests, c.err)
		if c.run.over() || c.run.spent {
			delete(p.runs, c.run.id)
		}
	}
	p.evict()
}

// again puts requests back whose run has been written by somebody else, or has
// a segment that cannot be applied.
func (p *Projector) again(requests []*request) {
	p.hurry = true
	for _, r := range requests {
		delete(p.runs, r.run)
		if r.tries++; r.tries > attempts {
			r.done <- fmt.Errorf("run %q: somebody else keeps writing it; stop one of the two", r.run)
			continue
		}
		p.pending = append(p.pending, r)
	}
}

// make folds what has come of a run. It returns nil where there is nothing to
// be written, and the requests have been answered or put back.
func (p *Projector) make(l *liveRun, requests []*request) *change {
	l.used = p.batches
	slices.SortStableFunc(requests, func(a, b *request) int {
		return cmp.Or(cmp.Compare(a.segment.Offset, b.segment.Offset), cmp.Compare(b.segment.End(), a.segment.End()))
	})
	c := &change{run: l, lift: l.void}
	ok, err := p.fold(c, requests)
	switch {
	case err != nil:
		delete(p.runs, l.id)
		p.answer(requests, p.inTime(err))
		return nil
	case !ok: // the fold is spoilt; the next time it is known by what
		p.again(requests)
		return nil
	}
	p.pending = append(p.pending, c.later...)
	if len(c.requests) == 0 && c.rows == nil && c.quarantine == nil {
		return nil
	}
	return c // though all have to wait, what was parked may have been applied
}

// finish collects the rows that are open, and makes the checkpoint.
func (c *change) finish(source string) (err error) {
	l := c.run
	if err := l.collector.end(func() error { return nil }); err != nil {
		return err
	}
	if !l.spent { // the state says how many rows there are, those that are open among them
		if c.next.Mark, c.next.State, err = l.mark(); err != nil {
			return err
		}
	}
	c.next.End = domain.Mark{Bytes: l.end, Lines: l.lines, SHA256: l.endSum}
	c.next.Events, c.next.Projections = l.events, projections.ID(l.collector.of)
	c.next.Reading, c.next.Source = l.reading, cmp.Or(l.known.Source, source)
	c.rows = l.collector.take()
	l.collector.fold.Detach()
	return nil
}

// settle takes note that the change has been written.
func (c *change) settle(done *Batch) {
	l := c.run
	if c.rows != nil {
		l.known, l.stored, l.torn = c.next, true, false
		l.collector.isStored()
		done.Runs++
	}
	l.waiting.Segments += len(c.park)
	l.waiting.Bytes += c.parkBytes
	switch {
	case c.quarantine != nil:
		l.waiting.Quarantine, l.void = c.quarantine, false
		done.Quarantined = append(done.Quarantined, l.id)
	case c.lift:
		l.waiting.Quarantine, l.void = nil, false
		done.Lifted = append(done.Lifted, l.id)
	}
	done.Segments += c.segments
	done.Events += c.events
	done.Bytes += c.bytes
	done.Dropped += c.dropped
	done.Parked += len(c.park)
}

// evict forgets the runs that were used longest ago, if there are too many.
func (p *Projector) evict() {
	if len(p.runs) <= p.options.MaxRuns {
		return
	}
	used := make([]int64, 0, len(p.runs))
	for _, l := range p.runs {
		used = append(used, l.used)
	}
	slices.Sort(used)
	oldest := used[len(used)-p.options.MaxRuns*7/8-1]
	maps.DeleteFunc(p.runs, func(_ domain.RunID, l *liveRun) bool { return l.used <= oldest })
}
