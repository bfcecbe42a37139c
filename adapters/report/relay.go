package report

import (
	"sync/atomic"

	"github.com/quire-ci/quire-project/projections"
)

// relay lets the fold continue while its rows are encoded and written. It receives rows on the
// fold's goroutine and passes them on, in the same order, on its own. Rows travel in batches, which
// makes the cost of a hand-over per row negligible.
type relay struct {
	lanes  []lane // one for each projection
	batch  *batch // the batch being filled
	spare  chan *batch
	full   chan *batch
	done   chan struct{}
	after  func() error // called after each batch
	failed atomic.Pointer[error]
}

// lane is the destination of the rows of one projection.
type lane struct {
	of   *projections.Definition
	take func(projections.AnyRow)
	into func(projections.Rows) // takes a list of rows; nil if rows are added one by one
}

// batch holds rows by lane, and the lanes of all rows in order.
type batch struct {
	order []uint16
	rows  []projections.Rows
}

// relayBatch is the number of rows of a batch, and relayBatches the number of batches.
const (
	relayBatch   = 2048
	relayBatches = 4
)

// newRelay returns a relay that calls after behind each batch, until that returns an error.
func newRelay(after func() error) *relay {
	return &relay{
		after: after,
		spare: make(chan *batch, relayBatches), full: make(chan *batch, relayBatches), done: make(chan struct{}),
	}
}

// through makes a projection a member of the fold. take receives the rows that sel selects, on the
// relay's goroutine. Call through before start.
func (r *relay) through(d *projections.Definition, sel *selector, sorted bool, take func(projections.AnyRow)) projections.Member {
	index := uint16(len(r.lanes))
	if sel == nil {
		m, into := d.Gather(func(n int) {
			for range n {
				r.batch.order = append(r.batch.order, index)
			}
			if len(r.batch.order) >= relayBatch {
				r.flush()
			}
		})
		r.lanes = append(r.lanes, lane{d, take, into})
		return m
	}
	r.lanes = append(r.lanes, lane{d, take, nil})
	return sel.member(d, sorted, func(row projections.AnyRow) {
		if len(r.batch.order) >= relayBatch {
			r.flush()
		}
		r.batch.order = append(r.batch.order, index)
		r.batch.rows[index].Add(row)
	})
}

func (r *relay) start() {
	for range relayBatches {
		b := &batch{}
		for _, l := range r.lanes {
			b.rows = append(b.rows, l.of.NewRows())
		}
		r.spare <- b
	}
	r.fill()
	go r.run()
}

func (r *relay) run() {
	defer close(r.done)
	for b := range r.full {
		if r.failed.Load() == nil {
			r.handOn(b)
			if err := r.after(); err != nil {
				r.failed.Store(&err)
			}
		}
		for _, rows := range b.rows {
			rows.Reset()
		}
		b.order = b.order[:0]
		r.spare <- b
	}
}

func (r *relay) handOn(b *batch) {
	next := make([]int, len(b.rows))
	for _, lane := range b.order {
		r.lanes[lane].take(b.rows[lane].At(next[lane]))
		next[lane]++
	}
}

// flush passes on the gathered rows.
func (r *relay) flush() {
	r.full <- r.batch
	r.fill()
}

// fill waits until a batch is empty and can be filled.
func (r *relay) fill() {
	r.batch = <-r.spare
	for i, l := range r.lanes {
		if l.into != nil {
			l.into(r.batch.rows[i])
		}
	}
}

// err returns the error of after, if any.
func (r *relay) err() error {
	if err := r.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// stop passes on the remaining rows, and waits until all have arrived.
func (r *relay) stop() error {
	r.full <- r.batch
	close(r.full)
	<-r.done
	return r.err()
}
