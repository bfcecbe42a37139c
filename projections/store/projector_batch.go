package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/quire-ci/quire-project/domain"
)

// fault names a segment that was found not to be applicable.
type fault struct {
	run         domain.RunID
	offset, end int64
	sha256      [sha256.Size]byte // two streams may have one run's id
}

func faultOf(s *domain.Segment) fault { return fault{s.Run, s.Offset, s.End(), s.SHA256} }

// write executes the requests of a batch. It repeats the steps of runs that another program has
// written meanwhile, or that have an inapplicable segment.
func (p *Projector) write(batch []*request) {
	clear(p.faults)
	for tries := 0; len(batch) > 0; tries++ {
		if tries <= attempts {
			batch = p.writeOnce(batch)
			continue
		}
		for _, r := range batch {
			r.done <- errContended(fmt.Sprintf("run %q", r.run))
		}
		return
	}
}

// writeOnce executes the requests of a batch in one transaction. It returns the requests to repeat.
func (p *Projector) writeOnce(batch []*request) (again []*request) {
	began := time.Now()
	deadline := began.Add(p.options.Timeout)
	ctx, cancel := context.WithDeadline(p.ctx, deadline)
	defer cancel()
	p.batches++
	byRun := map[domain.RunID][]*request{}
	for _, r := range batch {
		byRun[r.run] = append(byRun[r.run], r)
	}
	p.load(ctx, byRun)
	var steps []*step
	var changes []*change
	for _, run := range slices.Sorted(maps.Keys(byRun)) {
		s, err := p.fold(ctx, p.runs[run], byRun[run])
		switch {
		case errors.Is(err, errFault):
			delete(p.runs, run)
			again = append(again, byRun[run]...)
			continue
		case err != nil:
			delete(p.runs, run)
			p.answer(byRun[run], p.inTime(err))
			continue
		}
		p.pending = append(p.pending, s.later...)
		if len(s.requests) > 0 || s.rows != nil || s.quarantine != nil { // else all have to wait
			steps, changes = append(steps, s), append(changes, &s.change)
		}
	}
	began = time.Now()
	err := p.commit(p.ctx, deadline, changes...)
	p.pace(steps, err, time.Since(began))
	return append(again, p.conclude(steps)...)
}

// conclude answers those whose requests are done, and returns the requests of steps that are
// stale.
func (p *Projector) conclude(steps []*step) (stale []*request) {
	done, written := Batch{}, false
	for _, s := range steps {
		switch {
		case s.err != nil:
			delete(p.runs, s.run)
			if p.refusedForGood(s) {
				stale = append(stale, s.requests...)
				s.requests = nil
			}
		case s.stale:
			delete(p.runs, s.run)
			stale = append(stale, s.requests...)
			s.requests = nil
		default:
			written = true
			if s.rows != nil {
				p.wrote = time.Now()
				delete(p.refused, s.run)
			}
			s.conclude(&done)
			if s.more {
				p.continueLater(s)
			}
		}
	}
	if written && p.options.Done != nil {
		p.options.Done(done)
	}
	for _, s := range steps {
		if s.batch != nil {
			recycle(s.batch)
		}
		p.answer(s.requests, p.inTime(s.err))
		if s.live.over() || s.live.spent {
			delete(p.runs, s.run)
		}
	}
	p.evict()
	return stale
}

// refusedForGood reports whether the store has refused the rows of a run for as long as a missing
// segment is waited for, although it has written other runs meanwhile. Then the first segment of
// the step is a fault, for which the run is quarantined when the step is made again.
func (p *Projector) refusedForGood(s *step) bool {
	var refused *RefusedError
	if !errors.As(s.err, &refused) || s.segments == 0 {
		return false
	}
	since, known := p.refused[s.run]
	switch {
	case !known && len(p.refused) >= p.options.MaxRuns:
		clear(p.refused) // they are known again after their next segments
		fallthrough
	case !known:
		p.refused[s.run] = time.Now()
		return false
	case time.Since(since) < p.options.GapTimeout || p.wrote.Before(since):
		return false
	}
	delete(p.refused, s.run)
	p.faults[s.first] = &Quarantine{Code: RefusedRun, Offset: s.known.Mark.Bytes,
		Reason: "the store refuses the rows of the run; the log of the worker says why"}
	return true
}

// continueLater leaves the parked segments of a run for the next transaction, so that other runs have
// their turn. The requests of the step wait for the rest, and are answered if that fails.
func (p *Projector) continueLater(s *step) {
	if len(s.requests) == 0 {
		s.requests = []*request{{ctx: p.ctx, run: s.run, since: time.Now(), done: make(chan error, 1)}}
	}
	for _, r := range s.requests {
		if &r.segment != s.cut {
			r.kind, r.segment = continueRun, domain.Segment{} // which was applied, or is parked
		}
	}
	p.hurry, p.pending, s.requests = true, append(p.pending, s.requests...), nil
}

// pace halves the size of a transaction when one has taken too long, and doubles it again while
// there is time for that. It also halves a single segment that is too large.
func (p *Projector) pace(steps []*step, err error, took time.Duration) {
	segments, bytes := 0, 0
	for _, s := range steps {
		segments += max(s.segments, len(s.park))
		bytes += int(s.bytes())
	}
	switch {
	case isLate(err) && segments == 1 && bytes > 0:
		p.atMost = max(1, min(p.atMost, bytes)/2)
	case isLate(err):
		p.atOnce = max(1, min(p.atOnce, segments)/2)
	case err == nil && segments >= p.atOnce && took < p.options.Timeout/4:
		p.atOnce = min(2*p.atOnce, maxBatch)
	case err == nil && bytes >= p.atMost/2 && took < p.options.Timeout/4:
		p.atMost = 2 * min(p.atMost, math.MaxInt/2)
	}
}

// inTime turns a missed deadline into a temporary error.
func (p *Projector) inTime(err error) error {
	if isLate(err) && p.ctx.Err() == nil {
		return fmt.Errorf("%w: it does not answer, or another program keeps the run locked: %w", ErrAway, err)
	}
	return err
}

// evict drops the least recently used runs, if there are too many.
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
