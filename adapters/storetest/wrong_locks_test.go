package storetest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// patient looks at no context.
type patient struct{ *memory.Store }

func (s *patient) Update(_ context.Context, do func(store.Tx) error) error {
	return s.Store.Update(context.Background(), do)
}

// lockless locks when it commits.
type lockless struct{ *memory.Store }

func (s *lockless) Update(ctx context.Context, do func(store.Tx) error) error {
	late := &lateTx{autoTx: autoTx{ctx: ctx, store: s.Store}}
	if err := do(late); err != nil || late.runs == nil {
		return err
	}
	time.Sleep(moment)
	return s.Store.Update(ctx, func(tx store.Tx) error {
		if _, err := tx.Lock(late.runs); err != nil {
			return err
		}
		for _, call := range late.calls {
			if err := call(tx); err != nil {
				return err
			}
		}
		return nil
	})
}

// lateTx keeps what is to be written.
type lateTx struct {
	autoTx
	calls []func(store.Tx) error
}

func (t *lateTx) later(call func(store.Tx) error) error {
	t.calls = append(t.calls, call)
	return nil
}

func (t *lateTx) Clear(runs []domain.RunID, tables store.Tables) error {
	return t.later(func(tx store.Tx) error { return tx.Clear(runs, tables) })
}

func (t *lateTx) Insert(rows *store.Rows) error {
	return t.later(func(tx store.Tx) error { return tx.Insert(rows) })
}

func (t *lateTx) SetCheckpoint(run domain.RunID, checkpoint store.Checkpoint) error {
	return t.later(func(tx store.Tx) error { return tx.SetCheckpoint(run, checkpoint) })
}

func (t *lateTx) Hold(segments []domain.Segment) error {
	return t.later(func(tx store.Tx) error { return tx.Hold(segments) })
}

func (t *lateTx) Unhold(run domain.RunID, end int64) error {
	return t.later(func(tx store.Tx) error { return tx.Unhold(run, end) })
}

func (t *lateTx) SetQuarantine(run domain.RunID, quarantine *store.Quarantine) error {
	return t.later(func(tx store.Tx) error { return tx.SetQuarantine(run, quarantine) })
}

// stale reads checkpoints before it waits for the lock.
type stale struct{ *memory.Store }

func (s *stale) Update(ctx context.Context, do func(store.Tx) error) error {
	return s.Store.Update(ctx, func(tx store.Tx) error {
		return do(&brokenTx{Tx: tx, lock: func(runs []domain.RunID) (map[domain.RunID]store.Checkpoint, error) {
			checkpoints, err := s.Checkpoints(ctx, runs)
			if err != nil {
				return nil, err
			}
			_, err = tx.Lock(runs)
			return checkpoints, err
		}})
	})
}

// deadlocking has a lock for each run, and takes them as they are named. Who
// waits for too long gets the error that a database has for it.
type deadlocking struct {
	*memory.Store
	mu    sync.Mutex
	locks map[domain.RunID]chan struct{}
}

func (s *deadlocking) lock(run domain.RunID) chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.locks[run] == nil {
		s.locks[run] = make(chan struct{}, 1)
	}
	return s.locks[run]
}

func (s *deadlocking) Update(ctx context.Context, do func(store.Tx) error) error {
	var held []chan struct{}
	defer func() {
		for _, lock := range held {
			<-lock
		}
	}()
	return s.Store.Update(ctx, func(tx store.Tx) error {
		return do(&brokenTx{Tx: tx, lock: func(runs []domain.RunID) (map[domain.RunID]store.Checkpoint, error) {
			ctx, cancel := context.WithTimeout(ctx, pause)
			defer cancel()
			for _, run := range runs {
				lock := s.lock(run)
				select {
				case lock <- struct{}{}:
					held = append(held, lock)
					time.Sleep(moment)
				case <-ctx.Done():
					return nil, errors.New("deadlock")
				}
			}
			return tx.Lock(runs)
		}})
	})
}
