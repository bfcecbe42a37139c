package store

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/quire-ci/quire-project/domain"
)

// request is a call that waits for its answer.
type request struct {
	ctx     context.Context
	kind    requestKind
	run     domain.RunID
	segment domain.Segment
	append  bool // refuse the segment rather than park it
	since   time.Time
	refused error // the answer of this request alone
	done    chan error
}

type requestKind uint8

const (
	applySegment requestKind = iota
	retryRun                 // lift the quarantine, and apply the parked segments
	checkRun                 // apply the parked segments; if that is not possible, quarantine the run
	dropRun                  // remove the parked segments, and lift the quarantine
	continueRun              // apply more of the parked segments
	forgetRun                // remove the run from memory
)

// The size of a batch: the number of its requests, and the bytes of their data.
const (
	maxBatch      = 1024
	maxBatchBytes = 8 << 20
)

func (p *Projector) work() {
	defer close(p.ended)
	sweep := time.NewTicker(max(p.options.GapTimeout/4, 10*time.Millisecond))
	defer sweep.Stop()
	for {
		var grace <-chan time.Time
		switch {
		case p.hurry:
			p.hurry = false
			grace = time.After(0)
		case len(p.pending) > 0:
			grace = time.After(p.options.Grace)
		}
		select {
		case <-p.closing:
			p.answer(p.pending, ErrClosed)
			return
		case r := <-p.requests:
			p.write(p.collect(r))
		case <-grace:
			p.write(p.take())
		case <-sweep.C:
			p.sweep()
		}
	}
}

// collect returns a batch: the pending requests, first, and those that wait in the channel.
func (p *Projector) collect(first *request) []*request {
	batch := p.add(p.take(), first)
	for bytes := len(first.segment.Data); len(batch) < p.atOnce && bytes < maxBatchBytes; {
		select {
		case r := <-p.requests:
			batch = p.add(batch, r)
			bytes += len(r.segment.Data)
		default:
			return batch
		}
	}
	return batch
}

// add adds a request to a batch, unless the request needs no transaction: then it is done.
func (p *Projector) add(batch []*request, r *request) []*request {
	if r.kind != forgetRun {
		return append(batch, r)
	}
	delete(p.runs, r.run) // between batches, the store has everything that is known of it
	r.done <- nil
	return batch
}

// take returns the pending requests for one batch. It drops those whose callers no longer wait.
func (p *Projector) take() []*request {
	var batch []*request
	pending := p.pending
	for len(pending) > 0 && len(batch) < p.atOnce {
		r := pending[0]
		pending = pending[1:]
		if err := r.ctx.Err(); err != nil {
			r.done <- err
			continue
		}
		batch = append(batch, r)
	}
	p.pending, p.hurry = pending, p.hurry || len(pending) > 0
	return batch
}

func (p *Projector) answer(requests []*request, err error) {
	for _, r := range requests {
		r.done <- cmp.Or(err, r.refused)
	}
}

// sweep looks for parked segments that can be applied or were parked for too long, by any
// program, and for quarantines that are void. If the store is of another version, it says so.
func (p *Projector) sweep() {
	ctx, cancel := context.WithTimeout(p.ctx, p.options.Timeout)
	defer cancel()
	if err := CheckVersions(ctx, p.store); p.options.Outdated != nil && errors.Is(err, ErrOtherVersion) {
		p.options.Outdated(err)
		return
	}
	waiting, err := p.store.Waiting(ctx)
	if err != nil || len(waiting) == 0 {
		return // the next segment meets the same error
	}
	runs := make([]domain.RunID, len(waiting))
	for i, w := range waiting {
		runs[i] = w.Run
	}
	stored, err := p.store.Checkpoints(ctx, runs)
	if err != nil {
		return
	}
	var due []*request
	for _, w := range waiting {
		over := w.Quarantine == nil || w.Quarantine.void(stored[w.Run].Bytes)
		if over && (w.Segments == 0 || w.Age >= p.options.GapTimeout) {
			due = append(due, &request{ctx: p.ctx, kind: checkRun, run: w.Run, since: time.Now(), done: make(chan error, 1)})
		}
	}
	if len(due) > 0 {
		p.write(due)
	}
}
