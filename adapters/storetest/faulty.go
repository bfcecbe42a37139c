package storetest

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// faulty is a store with a fault at one of its calls. The commit of a transaction is a call, and so
// is the response to it.
type faulty struct {
	store.Store
	// at is the number of the call with the fault; 0 for none.
	at    int64
	fault func() error

	calls   atomic.Int64
	updates atomic.Int64
	struck  atomic.Bool

	mu   sync.Mutex
	rows map[definition]int // rows that were written
}

// call counts a call, and fails if the fault is due.
func (f *faulty) call() error {
	if f.calls.Add(1) != f.at {
		return nil
	}
	f.struck.Store(true)
	return f.fault()
}

// first calls do, unless the fault comes first.
func (f *faulty) first(do func() error) error {
	if err := f.call(); err != nil {
		return err
	}
	return do()
}

// firstOf is like first, for a function that returns a value.
func firstOf[T any](f *faulty, do func() (T, error)) (v T, err error) {
	err = f.first(func() (err error) { v, err = do(); return err })
	return v, err
}

func (f *faulty) Checkpoints(ctx context.Context, runs []domain.RunID) (map[domain.RunID]store.Checkpoint, error) {
	return firstOf(f, func() (map[domain.RunID]store.Checkpoint, error) { return f.Store.Checkpoints(ctx, runs) })
}

func (f *faulty) Update(ctx context.Context, do func(store.Tx) error) error {
	f.updates.Add(1)
	err := f.first(func() error {
		return f.Store.Update(ctx, func(tx store.Tx) error {
			if err := do(&faultyTx{tx, f}); err != nil {
				return err
			}
			return f.call() // before the commit
		})
	})
	if err != nil {
		return err
	}
	return f.call() // after the commit: the response is lost
}

func (f *faulty) Waiting(ctx context.Context, runs ...domain.RunID) ([]store.Waiting, error) {
	return firstOf(f, func() ([]store.Waiting, error) { return f.Store.Waiting(ctx, runs...) })
}

func (f *faulty) Parked(ctx context.Context, run domain.RunID, offset int64) (s domain.Segment, ok bool, err error) {
	err = f.first(func() (err error) { s, ok, err = f.Store.Parked(ctx, run, offset); return err })
	return s, ok, err
}

func (f *faulty) View(ctx context.Context, run domain.RunID, do func(store.Snapshot) error) error {
	return f.first(func() error { return f.Store.View(ctx, run, do) })
}

// faultyTx is a transaction of a faulty store.
type faultyTx struct {
	tx store.Tx
	f  *faulty
}

func (t *faultyTx) Lock(runs []domain.RunID) (map[domain.RunID]store.Checkpoint, error) {
	return firstOf(t.f, func() (map[domain.RunID]store.Checkpoint, error) { return t.tx.Lock(runs) })
}

func (t *faultyTx) Versions() (map[string]int, error) { return firstOf(t.f, t.tx.Versions) }
func (t *faultyTx) Register() error                   { return t.f.first(t.tx.Register) }

func (t *faultyTx) Clear(runs []domain.RunID, tables []definition) error {
	return t.f.first(func() error { return t.tx.Clear(runs, tables) })
}

func (t *faultyTx) Truncate(run domain.RunID, table definition, length int) error {
	return t.f.first(func() error { return t.tx.Truncate(run, table, length) })
}

func (t *faultyTx) Insert(rows *store.Rows) error {
	return t.f.first(func() error {
		t.f.mu.Lock()
		for _, table := range rows.Tables {
			if t.f.rows == nil {
				t.f.rows = map[definition]int{}
			}
			t.f.rows[table.Of] += table.Rows.Len()
		}
		t.f.mu.Unlock()
		return t.tx.Insert(rows)
	})
}

func (t *faultyTx) SetCheckpoint(run domain.RunID, checkpoint store.Checkpoint) error {
	return t.f.first(func() error { return t.tx.SetCheckpoint(run, checkpoint) })
}

func (t *faultyTx) Keeps() bool { return t.tx.Keeps() }

func (t *faultyTx) Keep(run domain.RunID, offset int64, data []byte) error {
	return t.f.first(func() error { return t.tx.Keep(run, offset, data) })
}

func (t *faultyTx) Discard(runs []domain.RunID) error {
	return t.f.first(func() error { return t.tx.Discard(runs) })
}

func (t *faultyTx) Park(segments []domain.Segment) error {
	return t.f.first(func() error { return t.tx.Park(segments) })
}

func (t *faultyTx) Unpark(run domain.RunID, end int64) error {
	return t.f.first(func() error { return t.tx.Unpark(run, end) })
}

func (t *faultyTx) SetQuarantine(run domain.RunID, quarantine *store.Quarantine) error {
	return t.f.first(func() error { return t.tx.SetQuarantine(run, quarantine) })
}
