package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/quire-ci/quire-project/domain"
)

// Projector derives the rows of runs from segments of their streams, as they
// come: of any number of runs, late, twice and out of order. What is applied is
// what continues a run's rows; what has been applied is dropped; what comes too early
// is parked in the store until the rest is there. A run whose segments cannot be
// applied is quarantined, alone.
//
// Segments that come while others are being written are written together, in one
// transaction: many slow runs cost little more than one.
type Projector struct {
	committer
	decoder Decoder
	options ProjectorOptions

	ctx      context.Context // of the work; Close ends it when that takes too long
	cancel   context.CancelFunc
	requests chan *request
	closing  chan struct{}
	close    sync.Once
	ended    chan struct{}

	// The fields below are those of the goroutine that works.
	pending []*request // wait for others that come before them
	runs    map[domain.RunID]*liveRun
	batches int64
	atOnce  int                   // how many requests, or parked segments, are done in a transaction at most
	atMost  int                   // how many bytes of a segment are applied in a transaction at most, but a line
	faults  map[fault]*Quarantine // of the batch
	hurry   bool                  // what is pending can be done now
}

// ProjectorOptions are those of a [Projector]; the zero value has the defaults.
type ProjectorOptions struct {
	// Source is what checkpoints say of where the streams came from, of runs
	// that have none yet.
	Source string
	// Grace is how long a segment that comes too early is not parked yet, since
	// those before it may be under way; 200 ms unless set.
	Grace time.Duration
	// GapTimeout is how long a segment is parked before its run is quarantined for
	// want of those before it; a minute unless set.
	GapTimeout time.Duration
	// Timeout is how long a transaction may take, with all that is read for it; a
	// minute unless set. Then those who wait for it are told an error, which may go
	// away: a store that does not answer, or a run that somebody else keeps locked, is
	// not waited for until it does. The next transaction is half as large, since this
	// one may have been too large for its time.
	Timeout time.Duration
	// MaxRuns is how many runs are kept in memory between their segments; 4096
	// unless set. Others are read from the store again.
	MaxRuns int
	// MaxParked is how many parked segments of a run are applied in one transaction; 256
	// unless set, and no more than 8 MB or so of them. A whole stream may be parked:
	// other runs are not to wait for all of it, nor is it to be in memory at once.
	MaxParked int
	// MaxParkedBytes is how much of a run is parked; 64 MiB unless set. What does not fit is
	// refused with [ErrHeldFull].
	MaxParkedBytes int64
	// Done, when set, is called after each transaction, before those are
	// answered who wait for it.
	Done func(Batch)
}

// Batch is what a [Projector] has done in one transaction.
type Batch struct {
	// Runs is how many runs were written; Segments, Events and Bytes what was
	// applied to them.
	Runs, Segments int
	Events, Bytes  int64
	// Dropped segments had been applied before, Parked ones came too early, or are
	// of a run that is quarantined.
	Dropped, Parked int
	// Quarantined are the runs that have been quarantined now, Lifted those that
	// are not any more.
	Quarantined, Lifted []domain.RunID
}

// request is something to be done, and somebody who waits for it.
type request struct {
	ctx     context.Context
	kind    requestKind
	run     domain.RunID
	segment domain.Segment
	since   time.Time
	refused error // of this one alone
	done    chan error
}

type requestKind uint8

const (
	applySegment requestKind = iota
	retryRun                 // apply what is parked, and forget why the run was quarantined
	pokeRun                  // apply what is parked, if it can be; else the run has waited long enough
	dropRun                  // remove what is parked, and lift the quarantine
	continueRun              // go on applying what is parked
	forgetRun                // keep nothing of it in memory
)

// ErrClosed is returned by a projector that has been closed.
var ErrClosed = errors.New("the projector is closed")

// ErrParkedFull is returned for a segment of a run of which as much is parked as may be. It
// is for whoever has it to keep it, and to send it again later: once what is missing has
// come, or the run has been retried, there is room.
var ErrParkedFull = errors.New("as much of the run is parked as may be")

// NewProjector returns a projector of what decoder makes of segments into a
// store. It is to be closed.
func NewProjector(s Store, decoder Decoder, options ProjectorOptions) *Projector {
	if options.Grace <= 0 {
		options.Grace = 200 * time.Millisecond
	}
	if options.GapTimeout <= 0 {
		options.GapTimeout = time.Minute
	}
	if options.Timeout <= 0 {
		options.Timeout = time.Minute
	}
	if options.MaxRuns <= 0 {
		options.MaxRuns = 4096
	}
	if options.MaxParked <= 0 {
		options.MaxParked = 256
	}
	if options.MaxParkedBytes <= 0 {
		options.MaxParkedBytes = 64 << 20
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &Projector{
		committer: committer{s, options.Timeout}, decoder: decoder, options: options, ctx: ctx, cancel: cancel,
		requests: make(chan *request, maxBatch), closing: make(chan struct{}), ended: make(chan struct{}),
		atOnce: maxBatch, atMost: math.MaxInt, runs: map[domain.RunID]*liveRun{}, faults: map[fault]*Quarantine{},
	}
	go p.work()
	return p
}

// Apply has a segment applied, and returns when what became of it is stored:
// then it may be forgotten. An error says that it is not, because of the store, a
// *[projections.NewerError], [ErrParkedFull], or [ErrSegment]; all but the last may go away. Segments may be applied
// by several goroutines; those of one run are put in order, as far as they are
// there at the same time. The segment's data is the projector's until Apply returns; so
// the end of ctx ends waiting, but not a transaction that is under way.
func (p *Projector) Apply(ctx context.Context, segment domain.Segment) error {
	if err := checkSegment(&segment); err != nil {
		return err
	}
	return p.do(&request{ctx: ctx, kind: applySegment, run: segment.Run, segment: segment})
}

// Retry applies what is parked of a quarantined run. If that fails again, the
// run is quarantined again.
func (p *Projector) Retry(ctx context.Context, run domain.RunID) error {
	return p.do(&request{ctx: ctx, kind: retryRun, run: run})
}

// Drop removes what is parked of a run, and lifts its quarantine. Its rows stay.
func (p *Projector) Drop(ctx context.Context, run domain.RunID) error {
	return p.do(&request{ctx: ctx, kind: dropRun, run: run})
}

// Forget frees the memory that a run takes here, for when none of its segments will come
// soon. If one comes all the same, the run is read from the store again.
func (p *Projector) Forget(ctx context.Context, run domain.RunID) error {
	return p.do(&request{ctx: ctx, kind: forgetRun, run: run})
}

func (p *Projector) do(r *request) error {
	r.since, r.done = time.Now(), make(chan error, 1)
	select {
	case p.requests <- r:
	case <-p.closing:
		return ErrClosed
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
	select {
	case err := <-r.done:
		return err
	case <-p.ended:
		select {
		case err := <-r.done:
			return err
		default:
			return ErrClosed
		}
	}
}

// Close ends the work: a transaction that is under way is finished, unless
// ctx ends before. Whoever still waits gets [ErrClosed]. It may be called twice.
func (p *Projector) Close(ctx context.Context) error {
	p.close.Do(func() { close(p.closing) })
	defer p.cancel()
	select {
	case <-p.ended:
		return nil
	case <-ctx.Done():
		p.cancel()
		<-p.ended
		return fmt.Errorf("closing the projector: %w", ctx.Err())
	}
}

// A batch has so many requests, or data of so many bytes, at most.
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

// collect returns first, and what else has to be done now.
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

// add adds a request to a batch, unless it needs no transaction and is done now.
func (p *Projector) add(batch []*request, r *request) []*request {
	if r.kind != forgetRun {
		return append(batch, r)
	}
	delete(p.runs, r.run) // between two batches, the store has all that is known of it
	r.done <- nil
	return batch
}

// take returns what was pending, or as much of it as is done at once, less what nobody
// waits for any more.
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

// sweep looks for runs of which segments are parked, by whomever, that could be
// applied, or have been parked for too long, and for quarantines that are void.
func (p *Projector) sweep() {
	ctx, cancel := context.WithTimeout(p.ctx, p.options.Timeout)
	defer cancel()
	waiting, err := p.store.Waiting(ctx)
	if err != nil || len(waiting) == 0 {
		return // whoever has a segment to apply will be told of an error
	}
	runs := make([]domain.RunID, len(waiting))
	for i, w := range waiting {
		runs[i] = w.Run
	}
	stored, err := p.store.Checkpoints(ctx, runs)
	if err != nil {
		return
	}
	var poke []*request
	for _, w := range waiting {
		over := w.Quarantine == nil || w.Quarantine.void(stored[w.Run].Bytes)
		if over && (w.Segments == 0 || w.Age >= p.options.GapTimeout) {
			poke = append(poke, &request{ctx: p.ctx, kind: pokeRun, run: w.Run, since: time.Now(), done: make(chan error, 1)})
		}
	}
	if len(poke) > 0 {
		p.write(poke)
	}
}
