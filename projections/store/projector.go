package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// Projector derives the rows of runs from segments of their streams. Segments may come late,
// twice and out of order, of any number of runs. The projector applies a segment that
// continues a run's rows, drops one that has been applied, and parks one that comes too early
// in the store until the missing segments have come. If it cannot apply a segment, it
// quarantines that run and continues the others.
//
// The projector writes the segments that come during a transaction together in the next one,
// so that many slow runs cost little more than one.
type Projector struct {
	committer
	decoder Decoder
	options ProjectorOptions

	ctx      context.Context // of the work; Close ends it if the work takes too long
	cancel   context.CancelFunc
	requests chan *request
	closing  chan struct{}
	close    sync.Once
	ended    chan struct{}

	// The goroutine that works owns the fields below.
	pending []*request // to be done in a later batch
	hurry   bool       // the pending requests need not wait any longer
	runs    map[domain.RunID]*liveRun
	batches int64
	atOnce  int                        // how many requests, or parked segments, one transaction has at most
	atMost  int                        // how many bytes of a segment, unless one line is longer
	faults  map[fault]*Quarantine      // of the batch
	refused map[domain.RunID]time.Time // since when the store refuses a run
	wrote   time.Time                  // when rows were last written
}

// ProjectorOptions are the options of a [Projector]; the zero value has the defaults.
type ProjectorOptions struct {
	// Source returns the name of the source that the checkpoint of a new run gets. By default it
	// is empty.
	Source func(domain.RunID) string
	// Grace is how long the projector keeps an early segment in memory before it parks it, since
	// the missing ones may arrive soon. The default is 200 ms.
	Grace time.Duration
	// GapTimeout is how long a segment stays parked before its run is quarantined because earlier
	// segments are missing, and how long the store refuses a run before the run is quarantined. The
	// default is a minute.
	GapTimeout time.Duration
	// Timeout limits a transaction, including all reads for it. The default is a minute. After
	// that, callers get a temporary error: the projector does not wait for a store that does not
	// answer, or for a run that another program keeps locked. The next transaction is half as
	// large, in case this one was too large.
	Timeout time.Duration
	// MaxRuns is how many runs are kept in memory between their segments. The default is 4096.
	// Other runs are read from the store again.
	MaxRuns int
	// MaxParked is how many parked segments of a run are applied in one transaction: by default
	// 256, and no more than about 8 MB. A whole stream may be parked, and neither other runs nor
	// memory should have to wait for all of it.
	MaxParked int
	// MaxParkedBytes limits the parked segments of a run. The default is 64 MiB. Further segments
	// are refused with [ErrParkedFull].
	MaxParkedBytes int64
	// Done, if set, is called after each transaction, before the calls that wait for it return.
	Done func(Batch)
	// Outdated, if set, is called with an [ErrOtherVersion] when the store has another version,
	// even if no segment arrives. The projector checks a few times per GapTimeout.
	Outdated func(error)
}

// setDefaults gives each option that is not set its default.
func (o *ProjectorOptions) setDefaults() {
	o.Grace = cmp.Or(max(o.Grace, 0), 200*time.Millisecond)
	o.GapTimeout = cmp.Or(max(o.GapTimeout, 0), time.Minute)
	o.Timeout = cmp.Or(max(o.Timeout, 0), time.Minute)
	o.MaxRuns = cmp.Or(max(o.MaxRuns, 0), 4096)
	o.MaxParked = cmp.Or(max(o.MaxParked, 0), 256)
	o.MaxParkedBytes = cmp.Or(max(o.MaxParkedBytes, 0), 64<<20)
}

// Batch describes what a [Projector] has done in one transaction.
type Batch struct {
	// Runs counts the written runs; Segments, Events and Bytes count what was applied to them.
	Runs, Segments int
	Events, Bytes  int64
	// Dropped segments had been applied before. Parked ones came too early, or their run
	// is quarantined.
	Dropped, Parked int
	// Quarantined are the runs that this transaction has quarantined, Lifted those whose
	// quarantine it has lifted.
	Quarantined, Lifted []domain.RunID
	// Written are the runs that were written, if the projector derives the table runs.
	Written []WrittenRun
}

// WrittenRun is a run whose row a [Projector] has written.
type WrittenRun struct {
	Run
	Labels domain.Labels
	// Ends is set if the run's end is among the whole lines that were applied: once for each run.
	Ends bool
	// Changed are the rows that differ between the ends of two checkpoints, Before and After. It is
	// valid until Done returns, and nil if other rows may differ, too. Before is zero if the run was
	// not stored.
	Changed       *Rows
	Before, After domain.Mark
}

// EachRow calls take with the changed rows of some projections as reports have them, like the function
// [EachRow], except for the slowest commands.
func (w *WrittenRun) EachRow(of []*projections.Definition, take func(*projections.Definition, projections.AnyRow)) {
	wants := func(d *projections.Definition) bool { return slices.Contains(of, d) }
	timings := wants(projections.ShTimings.Definition)
	for i := range w.Changed.Tables {
		table := &w.Changed.Tables[i]
		if table.Of == projections.RunTable.Definition {
			give(projections.Runs, []projections.Row[projections.Run]{{Value: w.Run.Run}}, take)
			give(projections.RunTimings, []projections.Row[projections.RunTiming]{{Value: w.RunTiming}}, take)
			continue
		}
		timed, wanted := timings && table.Of == projections.ShEvents.Definition, wants(table.Of)
		for j := 0; (timed || wanted) && j < table.Rows.Len(); j++ {
			row := table.Rows.At(j)
			if wanted {
				take(table.Of, row)
			}
			if timed {
				timing := shTiming(w.Run, row.Index, row.Final, projections.ShEvents.At(row.Value))
				give(projections.ShTimings, []projections.Row[projections.ShTiming]{timing}, take)
			}
		}
	}
}

// ErrClosed is returned by a projector that has been closed.
var ErrClosed = errors.New("the projector is closed")

// ErrParkedFull is returned for a segment that has to be parked when the limit MaxParkedBytes is
// reached. Keep the segment and send it again later: there is room when the missing segment has
// arrived, or the run was retried.
var ErrParkedFull = errors.New("the store parks no more segments of the run")

// NewProjector returns a projector that writes into a store what decoder makes of segments.
// Close it when you are done.
func NewProjector(s Store, decoder Decoder, options ProjectorOptions) *Projector {
	options.setDefaults()
	ctx, cancel := context.WithCancel(context.Background())
	p := &Projector{
		committer: committer{store: s, timeout: options.Timeout}, decoder: decoder, options: options, ctx: ctx, cancel: cancel,
		requests: make(chan *request, maxBatch), closing: make(chan struct{}), ended: make(chan struct{}),
		atOnce: maxBatch, atMost: math.MaxInt, runs: map[domain.RunID]*liveRun{}, faults: map[fault]*Quarantine{}, refused: map[domain.RunID]time.Time{},
	}
	go p.work()
	return p
}

// Apply applies a segment, and returns when the result is stored: then you may drop the segment. If
// Apply returns an error, nothing is stored: the error is the store's, such as [ErrOtherVersion],
// or [ErrParkedFull], or [ErrSegment]; all but the last may be temporary. Several goroutines may
// call Apply; segments of one run that arrive at the same time are put in order. The segment's data
// belongs to the projector until Apply returns, so the end of ctx does not end a running
// transaction.
func (p *Projector) Apply(ctx context.Context, segment domain.Segment) error {
	return p.apply(&request{ctx: ctx, kind: applySegment, run: segment.Run, segment: segment})
}

func (p *Projector) apply(r *request) error {
	if err := CheckSegment(&r.segment); err != nil {
		return fmt.Errorf("run %q, offset %d: %w: %w", r.run, r.segment.Offset, ErrSegment, err)
	}
	return p.do(r)
}

// Append is Apply for a sender that can send other segments instead: the projector neither parks the
// segment nor quarantines its run. If the segment cannot be applied now, Append returns a
// [*NotAppendedError].
func (p *Projector) Append(ctx context.Context, segment domain.Segment) error {
	return p.apply(&request{ctx: ctx, kind: applySegment, run: segment.Run, segment: segment, append: true})
}

// NotAppendedError says why a segment was not appended. Nothing of the segment is stored, unless it was
// too large for one transaction: then the lines before the fault can be.
type NotAppendedError struct {
	Run domain.RunID
	// Expected is the offset at which the next segment begins.
	Expected int64
	// Quarantine says why the run would be, or is, quarantined. If it is nil, the segment does not begin
	// at the expected offset.
	Quarantine *Quarantine
	// Err is the decoder's error for a malformed segment.
	Err error
}

func (e *NotAppendedError) Error() string {
	if e.Quarantine == nil {
		return fmt.Sprintf("run %q: the next segment begins at byte %d", e.Run, e.Expected)
	}
	return fmt.Sprintf("run %q: %s", e.Run, e.Quarantine.Reason)
}

func (e *NotAppendedError) Unwrap() error { return e.Err }

// Retry lifts the quarantine of a run and applies its parked segments. If that fails again,
// the run is quarantined again.
func (p *Projector) Retry(ctx context.Context, run domain.RunID) error {
	return p.do(&request{ctx: ctx, kind: retryRun, run: run})
}

// Drop removes the parked segments of a run, and lifts its quarantine. Its rows stay.
func (p *Projector) Drop(ctx context.Context, run domain.RunID) error {
	return p.do(&request{ctx: ctx, kind: dropRun, run: run})
}

// Forget frees the memory of a run if you expect no segments of it soon. If one comes all the
// same, the projector reads the run from the store again.
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

// Close ends the work. It finishes the transaction that is under way, unless ctx ends before.
// Calls that still wait return [ErrClosed]. You may call Close twice.
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
