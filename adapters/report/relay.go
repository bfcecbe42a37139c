package report

import (
	"sync/atomic"

	"github.com/quire-ci/quire-project/projections"
)

// relay lets the fold go on while its rows are encoded and written: it takes
// rows on the fold's goroutine and hands them on, on one of its own. Rows travel
// in batches, so that a hand-over costs nothing per row.
type relay struct {
	// inOrder says that rows arrive in the order in which they came, and not only
	// those of each projection, which takes less time.
	inOrder bool

	lanes  []lane // one for each projection
	batch  *batch // the one that is being filled
	spare  chan *batch
	queue  chan *batch
	done   chan struct{}
	after  func() error // called behind each batch
	failed atomic.Pointer[error]
}

// lane is where the rows of one projection go.
type lane struct {
	of   *projections.Definition
	take func(projections.AnyRow)
}

// batch holds rows, lane by lane, and in which order they came.
type batch struct {
	count int
	order []uint16 // indexes of lanes
	rows  []projections.Rows
	next  []int // the row of each lane that is handed on next
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

// through makes a projection a member of the fold whose rows arrive at take, on the
// relay's goroutine. All calls of through come before start.
func (r *relay) through(d *projections.Definition, take func(projections.AnyRow)) projections.Member {
	index := len(r.lanes)
	r.lanes = append(r.lanes, lane{d, take})
	return d.Gather(func() projections.Rows {
		if r.batch.count >= relayBatch {
			r.flush()
		}
		b := r.batch
		b.count++
		if r.inOrder {
			b.order = append(b.order, uint16(index))
		}
		return b.rows[index]
	})
}

// start begins handing rows on.
func (r *relay) start() {
	r.spare = make(chan *batch, relayBatches)
	r.queue = make(chan *batch, relayBatches)
	r.done = make(chan struct{})
	for range relayBatches {
		b := &batch{next: make([]int, len(r.lanes))}
		for _, l := range r.lanes {
			b.rows = append(b.rows, l.of.NewRows())
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
			r.handOn(b)
			if err := r.after(); err != nil {
				r.failed.Store(&err)
			}
		}
		for _, rows := range b.rows {
			rows.Reset()
		}
		clear(b.next)
		b.count, b.order = 0, b.order[:0]
		r.spare <- b
	}
}

func (r *relay) handOn(b *batch) {
	if !r.inOrder {
		for i, rows := range b.rows {
			for at := range rows.Len() {
				r.lanes[i].take(rows.At(at))
			}
		}
		return
	}
	for _, index := range b.order {
		r.lanes[index].take(b.rows[index].At(b.next[index]))
		b.next[index]++
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
