package store

import (
	"fmt"
	"maps"
	"time"

	"github.com/quire-ci/quire-project/domain"
)

// fold takes the requests one by one, and then what is parked. It reports false
// when a segment could not be applied, which is a fault now.
func (p *Projector) fold(c *change, requests []*request) (bool, error) {
	poked := false
	for _, r := range requests {
		if r.kind == applySegment && r.segment.Offset > c.run.end {
			if ok, err := p.applyParked(c); !ok || err != nil {
				return ok, err
			}
		}
		if c.more || c.run.spent {
			c.later, p.hurry = append(c.later, r), true
			continue
		}
		switch r.kind {
		case retryRun:
			p.retry(c, r.tries == 0)
		case dropRun:
			p.retry(c, true)
			c.unpark, c.run.waiting.Segments, c.run.waiting.Bytes = maxOffset, 0, 0
		case pokeRun:
			poked = true
		case applySegment:
			if c.tooEarly(r, p.options.Grace) {
				c.later = append(c.later, r)
				continue
			}
			r.refused = nil
			if ok, err := p.segment(c, r); !ok || err != nil {
				return ok, err
			}
		}
		c.requests = append(c.requests, r)
	}
	if ok, err := p.applyParked(c); !ok || err != nil {
		return ok, err
	}
	switch waiting := &c.run.waiting; {
	case c.quarantine != nil || c.more || c.refused || len(c.park) > 0:
	case waiting.Segments == 0 && waiting.Quarantine != nil && waiting.Quarantine.lifts():
		c.lift = true
	case poked && waiting.Segments > 0 && waiting.Quarantine == nil:
		c.quarantine = c.run.quarantine(MissingSegment, "the segment that begins there has not come; publish the stream once more, or derive it from its file and retry")
	}
	if c.segments > 0 {
		return true, c.finish(p.options.Source)
	}
	return true, nil
}

const maxOffset = 1<<63 - 1

// retry forgets what is wrong with a run, and, the first time, which segments
// have been found to be.
func (p *Projector) retry(c *change, first bool) {
	if first {
		p.forgive(c.run.id)
	}
	if p.decoder.Continues(c.run.reading) {
		c.run.reading = p.decoder.Reading()
	}
	c.lift = c.lift || c.run.waiting.Quarantine != nil
	c.run.waiting.Quarantine = nil
}

// forgive forgets which segments of a run could not be applied.
func (p *Projector) forgive(run domain.RunID) {
	maps.DeleteFunc(p.faults, func(f fault, _ *Quarantine) bool { return f.run == run })
}

// tooEarly reports whether a segment is left to wait for others that are before
// it, and may be under way.
func (c *change) tooEarly(r *request, grace time.Duration) bool {
	return r.segment.Offset > c.run.end && c.run.stuck == nil && c.run.waiting.Quarantine.lifts() && time.Since(r.since) < grace
}

// segment does with a segment what is to be done.
func (p *Projector) segment(c *change, r *request) (bool, error) {
	switch l, s := c.run, &r.segment; {
	case len(s.Data) == 0 && !l.stored && l.waiting.Quarantine.lifts() && c.segments == 0:
		return p.apply(c, s) // which makes the run
	case s.End() <= l.end && l.agrees(s):
		c.dropped++
	case s.End() <= l.end:
		c.quarantine = l.quarantine(OtherStream, "another stream with this run's id was read before")
		p.park(c, r)
	case !l.waiting.Quarantine.lifts() || c.quarantine != nil:
		p.park(c, r)
	case l.stuck != nil:
		c.quarantine = l.stuck
		p.park(c, r)
	case s.Offset > l.position:
		p.park(c, r)
	default:
		return p.apply(c, s)
	}
	return true, nil
}

// park keeps a segment, if there is room for it; else it is left to whoever sent it.
func (p *Projector) park(c *change, r *request) {
	size := int64(len(r.segment.Data))
	if c.run.waiting.Bytes+c.parkBytes+size <= p.options.MaxParkedBytes {
		c.park, c.parkBytes = append(c.park, r.segment), c.parkBytes+size
		return
	}
	c.refused = true
	r.refused = fmt.Errorf("run %q, offset %d: %w (%d bytes)", r.run, r.segment.Offset, ErrParkedFull, p.options.MaxParkedBytes)
	if c.quarantine == nil && c.run.waiting.Quarantine == nil {
		c.quarantine = c.run.quarantine(MissingSegment, fmt.Sprintf(
			"the segment that begins there has not come, and %d bytes wait for it: what comes now is left to the broker; publish the stream once more, or derive it from its file and retry", c.run.waiting.Bytes+c.parkBytes))
	}
}

// apply applies a segment that continues the run, or finds that it cannot be.
func (p *Projector) apply(c *change, s *domain.Segment) (bool, error) {
	name := fault{s.Run, s.Offset, s.End(), s.SHA256}
	if q := p.faults[name]; q != nil {
		delete(p.faults, name)
		c.park, c.quarantine = append(c.park, *s), q
		return true, nil
	}
	l := c.run
	if s.Tail {
		var err error
		if c.next.Mark, c.next.State, err = l.beforeTail(); err != nil {
			return false, err
		}
	}
	before, events := l.end, l.events
	if q := l.apply(p.decoder, s, p.atMost); q != nil {
		p.faults[name] = q
		return false, nil
	}
	if l.end < s.End() {
		c.more, c.cut = true, s
	}
	c.segments++
	c.bytes += l.end - before
	c.events += l.events - events
	return true, nil
}

// goOn has the projector go on with what is parked of a run, when others had their
// turn. Whose requests were part of it wait for the rest: if that fails, they are told.
func (p *Projector) goOn(c *change) {
	if len(c.requests) == 0 {
		c.requests = []*request{{ctx: p.ctx, run: c.run.id, since: time.Now(), done: make(chan error, 1)}}
	}
	for _, r := range c.requests {
		if &r.segment == c.cut {
			continue
		}
		r.kind, r.segment = continueRun, domain.Segment{} // which has been applied, or is parked
	}
	p.hurry, p.pending, c.requests = true, append(p.pending, c.requests...), nil
}

// applyParked applies what is parked and continues the run, or some of it.
func (p *Projector) applyParked(c *change) (bool, error) {
	l := c.run
	for !c.more && l.waiting.Segments > 0 && c.quarantine == nil && l.waiting.Quarantine.lifts() && c.searched != l.end+1 {
		if l.spent || c.parkedSegments >= p.options.MaxParked || c.parkedBytes >= maxBatchBytes || c.segments >= p.atOnce {
			c.more = true
			return true, nil
		}
		c.unpark = max(c.unpark, l.end)
		segment, found, err := p.store.Parked(p.now, l.id, l.end)
		switch {
		case err != nil:
			return false, err
		case !found:
			return true, p.recount(c)
		case l.stuck != nil:
			c.quarantine = l.stuck
			return true, nil
		}
		c.parkedSegments++
		c.parkedBytes += len(segment.Data)
		if ok, err := p.apply(c, &segment); !ok || err != nil {
			return ok, err
		}
		c.unpark = max(c.unpark, l.end)
	}
	return true, nil
}

// recount finds out whether anything will be parked when c is done.
func (p *Projector) recount(c *change) error {
	waiting, err := p.store.Waiting(p.now, c.run.id)
	if err != nil {
		return err
	}
	c.searched, c.run.waiting.Segments = c.run.end+1, 0
	if len(waiting) > 0 && waiting[0].Last > c.run.end {
		c.run.waiting.Segments = waiting[0].Segments
	}
	return nil
}
