package report

import (
	"sync/atomic"

	"github.com/quire-ci/quire-project/projections"
)

// relay lets the fold go on while its rows are encoded and written: it takes
// rows on the fold's goroutine and hands them on, in the same order, on one of
// its own. Rows travel in batches, so that a hand-over costs nothing per row.
type relay struct {
	lanes  []lane // what a batch has for each kind of row
	batch  *batch // the one that is being filled
	spare  chan *batch
	queue  chan *batch
	done   chan struct{}
	after  func() error // called behind each batch
	failed atomic.Pointer[error]
}

// batch holds rows of several kinds, and in which order they came.
type batch struct {
	order []uint8 // lane by lane
	lanes []lane
}

// lane holds the rows of one kind.
type lane interface {
	next()       // hands on the next row
	reset()      // forgets all rows
	empty() lane // is a lane of the same kind
}

// relayBatch is how many rows make a batch, relayBatches how many there are.
const (
	relayBatch   = 2048
	relayBatches = 4
)

// newRelay returns a relay that calls after behind each batch, until that
// returns an error.
func newRelay(after func() error) *relay {
	return &relay{after: after}
}

// through returns a function for a fold to hand rows to. They arrive at take,
// on the relay's goroutine. All calls of through come before start.
func through[R comparable](r *relay, take func(*projections.Row[R])) func(*projections.Row[R]) {
	index := len(r.lanes)
	r.lanes = append(r.lanes, &rows[R]{take: take})
	return func(row *projections.Row[R]) {
		b := r.batch
		b.order = append(b.order, uint8(index))
		l := b.lanes[index].(*rows[R])
		l.rows = append(l.rows, *row)
		if len(b.order) >= relayBatch {
			r.flush()
		}
	}
}

// rows is the lane of rows of type R.
type rows[R comparable] struct {
	take func(*projections.Row[R])
	rows []projections.Row[R]
	at   int
}

func (l *rows[R]) next() {
	l.take(&l.rows[l.at])
	l.at++
}

func (l *rows[R]) reset() {
	clear(l.rows) // lets go of the strings
	l.rows, l.at = l.rows[:0], 0
}

func (l *rows[R]) empty() lane { return &rows[R]{take: l.take} }

// start begins handing rows on.
func (r *relay) start() {
	r.spare = make(chan *batch, relayBatches)
	r.queue = make(chan *batch, relayBatches)
	r.done = make(chan struct{})
	for range relayBatches {
		b := &batch{}
		for _, l := range r.lanes {
			b.lanes = append(b.lanes, l.empty())
		}
		r.spare <- b
	}
	r.batch = <-r.spare
	go r.run()
}

func (r *relay) run() {
	defer close(r.done)
	for b := range r.queue {
		if r.failed.Load() == nil {
			for _, index := range b.order {
				b.lanes[index].next()
			}
			if err := r.after(); err != nil {
				r.failed.Store(&err)
			}
		}
		for _, l := range b.lanes {
			l.reset()
		}
		b.order = b.order[:0]
		r.spare <- b
	}
}

// flush hands on what has been gathered.
func (r *relay) flush() {
	r.queue <- r.batch
	r.batch = <-r.spare
}

// err returns what after has returned, once it was an error.
func (r *relay) err() error {
	if err := r.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// stop hands on what is left, and waits until all has arrived.
func (r *relay) stop() error {
	r.queue <- r.batch
	close(r.queue)
	<-r.done
	return r.err()
}
