package storetest

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// each is a transaction that hands each of its calls to do, except for Keeps.
type each struct {
	store.Tx
	do func(call func(store.Tx) error) error
}

func (e each) Lock(runs []domain.RunID) (found map[domain.RunID]store.Checkpoint, err error) {
	err = e.do(func(tx store.Tx) (err error) { found, err = tx.Lock(runs); return err })
	return found, err
}

func (e each) Versions() (versions map[string]int, err error) {
	err = e.do(func(tx store.Tx) (err error) { versions, err = tx.Versions(); return err })
	return versions, err
}

func (e each) Register() error { return e.do(store.Tx.Register) }

func (e each) Clear(runs []domain.RunID, of []definition) error {
	return e.do(func(tx store.Tx) error { return tx.Clear(runs, of) })
}

func (e each) Truncate(run domain.RunID, of definition, length int) error {
	return e.do(func(tx store.Tx) error { return tx.Truncate(run, of, length) })
}

func (e each) Insert(rows *store.Rows) error {
	return e.do(func(tx store.Tx) error { return tx.Insert(rows) })
}

func (e each) SetCheckpoint(run domain.RunID, checkpoint store.Checkpoint) error {
	return e.do(func(tx store.Tx) error { return tx.SetCheckpoint(run, checkpoint) })
}

func (e each) Park(segments []domain.Segment) error {
	return e.do(func(tx store.Tx) error { return tx.Park(segments) })
}

func (e each) Unpark(run domain.RunID, end int64) error {
	return e.do(func(tx store.Tx) error { return tx.Unpark(run, end) })
}

func (e each) SetQuarantine(run domain.RunID, quarantine *store.Quarantine) error {
	return e.do(func(tx store.Tx) error { return tx.SetQuarantine(run, quarantine) })
}

func (e each) Keep(run domain.RunID, offset int64, data []byte) error {
	return e.do(func(tx store.Tx) error { return tx.Keep(run, offset, data) })
}

func (e each) Discard(runs []domain.RunID) error {
	return e.do(func(tx store.Tx) error { return tx.Discard(runs) })
}

// faulty is a store with a fault at one of its calls. The commit of a transaction is a call, and so
// is the response to it.
type faulty struct {
	store.Store
	// due reports whether the fault comes before a call; nil if it never comes. A call has a name
	// if it is "commit" or "response".
	due   func(call string) bool
	fault func() error

	updates atomic.Int64
	struck  atomic.Bool

	mu   sync.Mutex
	rows map[definition]int // rows that were written
}

// at is for a fault that comes before call number n, from 1 on.
func at(n int) func(string) bool {
	var calls atomic.Int64
	return func(string) bool { return calls.Add(1) == int64(n) }
}

// call fails if the fault is due.
func (f *faulty) call(name string) error {
	if f.due == nil || !f.due(name) {
		return nil
	}
	f.struck.Store(true)
	return f.fault()
}

func (f *faulty) Checkpoints(ctx context.Context, runs []domain.RunID) (map[domain.RunID]store.Checkpoint, error) {
	if err := f.call(""); err != nil {
		return nil, err
	}
	return f.Store.Checkpoints(ctx, runs)
}

func (f *faulty) Waiting(ctx context.Context, runs ...domain.RunID) ([]store.Waiting, error) {
	if err := f.call(""); err != nil {
		return nil, err
	}
	return f.Store.Waiting(ctx, runs...)
}

func (f *faulty) Parked(ctx context.Context, run domain.RunID, offset int64) (domain.Segment, bool, error) {
	if err := f.call(""); err != nil {
		return domain.Segment{}, false, err
	}
	return f.Store.Parked(ctx, run, offset)
}

func (f *faulty) View(ctx context.Context, run domain.RunID, do func(store.Snapshot) error) error {
	if err := f.call(""); err != nil {
		return err
	}
	return f.Store.View(ctx, run, do)
}

func (f *faulty) Update(ctx context.Context, do func(store.Tx) error) error {
	f.updates.Add(1)
	if err := f.call(""); err != nil {
		return err
	}
	err := f.Store.Update(ctx, func(tx store.Tx) error {
		calls := each{tx, func(call func(store.Tx) error) error {
			if err := f.call(""); err != nil {
				return err
			}
			return call(tx)
		}}
		if err := do(&counting{calls, f}); err != nil {
			return err
		}
		return f.call("commit")
	})
	if err != nil {
		return err
	}
	return f.call("response")
}

// counting is a transaction that counts rows.
type counting struct {
	each
	f *faulty
}

func (c *counting) Insert(rows *store.Rows) error {
	c.f.mu.Lock()
	for _, table := range rows.Tables {
		if c.f.rows == nil {
			c.f.rows = map[definition]int{}
		}
		c.f.rows[table.Of] += table.Rows.Len()
	}
	c.f.mu.Unlock()
	return c.each.Insert(rows)
}
