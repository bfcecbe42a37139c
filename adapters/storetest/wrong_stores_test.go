package storetest

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"time"
	"unicode/utf16"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// autocommit makes a transaction of each call.
type autocommit struct{ *memory.Store }

func (s *autocommit) Update(ctx context.Context, do func(store.Tx) error) error {
	return do(&autoTx{ctx: ctx, store: s.Store})
}

type autoTx struct {
	ctx   context.Context
	store *memory.Store
	runs  []domain.RunID
}

func (t *autoTx) alone(do func(store.Tx) error) error {
	return t.store.Update(t.ctx, func(tx store.Tx) error {
		if _, err := tx.Lock(t.runs); err != nil {
			return err
		}
		return do(tx)
	})
}

func (t *autoTx) Lock(runs []domain.RunID) (map[domain.RunID]store.Checkpoint, error) {
	t.runs = runs
	return t.store.Checkpoints(t.ctx, runs)
}

func (t *autoTx) Reducers() (lowest, highest int, err error) {
	err = t.alone(func(tx store.Tx) error {
		lowest, highest, err = tx.Reducers()
		return err
	})
	return lowest, highest, err
}

func (t *autoTx) Clear(runs []domain.RunID, tables store.Tables) error {
	defer time.Sleep(moment)
	return t.alone(func(tx store.Tx) error { return tx.Clear(runs, tables) })
}

func (t *autoTx) Reopen(runs []domain.RunID) error {
	return t.alone(func(tx store.Tx) error { return tx.Reopen(runs) })
}

func (t *autoTx) Insert(rows *store.Rows) error {
	return t.alone(func(tx store.Tx) error {
		return errors.Join(tx.Clear([]domain.RunID{rows.RunID}, 0), tx.Insert(rows))
	})
}

func (t *autoTx) SetCheckpoint(run domain.RunID, checkpoint store.Checkpoint) error {
	return t.alone(func(tx store.Tx) error { return tx.SetCheckpoint(run, checkpoint) })
}

// checkpointsAside keeps rows in a transaction, and checkpoints outside of it.
type checkpointsAside struct{ *memory.Store }

func (s *checkpointsAside) Update(ctx context.Context, do func(store.Tx) error) error {
	var set func() error
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		return do(&brokenTx{Tx: tx, checkpoint: func(run domain.RunID, checkpoint store.Checkpoint) error {
			set = func() error {
				aside := &autoTx{ctx: ctx, store: s.Store, runs: []domain.RunID{run}}
				return aside.SetCheckpoint(run, checkpoint)
			}
			return nil
		}})
	})
	if set != nil {
		err = cmp.Or(err, set())
	}
	return err
}

// commitsPanics commits what a transaction has done when it panics.
type commitsPanics struct{ *memory.Store }

func (s *commitsPanics) Update(ctx context.Context, do func(store.Tx) error) error {
	var panicked any
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		defer func() { panicked = recover() }()
		return do(tx)
	})
	if panicked != nil {
		panic(panicked)
	}
	return err
}

// swallowsPanics makes an error of a panic.
type swallowsPanics struct{ *memory.Store }

func (s *swallowsPanics) Update(ctx context.Context, do func(store.Tx) error) error {
	return s.Store.Update(ctx, func(tx store.Tx) (err error) {
		defer func() {
			if recover() != nil {
				err = errors.New("it panicked")
			}
		}()
		return do(tx)
	})
}

// losesErrors takes what goes wrong for an end.
type losesErrors struct{ *memory.Store }

func (s *losesErrors) Update(ctx context.Context, do func(store.Tx) error) error {
	_ = s.Store.Update(ctx, do)
	return nil
}

func (s *losesErrors) View(ctx context.Context, run domain.RunID, do func(store.Snapshot) error) error {
	_ = s.Store.View(ctx, run, do)
	return nil
}

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

func (t *lateTx) Reopen(runs []domain.RunID) error {
	return t.later(func(tx store.Tx) error { return tx.Reopen(runs) })
}

func (t *lateTx) Insert(rows *store.Rows) error {
	return t.later(func(tx store.Tx) error { return tx.Insert(rows) })
}

func (t *lateTx) SetCheckpoint(run domain.RunID, checkpoint store.Checkpoint) error {
	return t.later(func(tx store.Tx) error { return tx.SetCheckpoint(run, checkpoint) })
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

// confusing takes ids that are alike for one when it clears.
type confusing struct {
	*memory.Store
	alike func(a, b domain.RunID) bool
}

func (s *confusing) Update(ctx context.Context, do func(store.Tx) error) error {
	return s.Store.Update(ctx, func(tx store.Tx) error {
		return do(&brokenTx{Tx: tx,
			lock: func(runs []domain.RunID) (map[domain.RunID]store.Checkpoint, error) {
				return tx.Lock(s.similar(ctx, runs))
			},
			clear: func(runs []domain.RunID, tables store.Tables) error {
				return tx.Clear(s.similar(ctx, runs), tables)
			},
		})
	})
}

func (s *confusing) similar(ctx context.Context, runs []domain.RunID) []domain.RunID {
	all, _ := s.RunIDs(ctx, "", 1000)
	for _, id := range all {
		if slices.ContainsFunc(runs, func(run domain.RunID) bool { return run != id && s.alike(run, id) }) {
			runs = append(slices.Clone(runs), id)
		}
	}
	return runs
}

// outliving puts checkpoints back when rows are removed.
type outliving struct{ *memory.Store }

func (s *outliving) Update(ctx context.Context, do func(store.Tx) error) error {
	return s.Store.Update(ctx, func(tx store.Tx) error {
		return do(&brokenTx{Tx: tx, clear: func(runs []domain.RunID, tables store.Tables) error {
			checkpoints, err := s.Checkpoints(ctx, runs)
			if err != nil {
				return err
			}
			if err := tx.Clear(runs, tables); err != nil || tables == store.AllTables {
				return err
			}
			for run, checkpoint := range checkpoints {
				if err := tx.SetCheckpoint(run, checkpoint); err != nil {
					return err
				}
			}
			return nil
		}})
	})
}

// unisolated reads what is stored at each call.
type unisolated struct{ *memory.Store }

func (s *unisolated) View(ctx context.Context, run domain.RunID, do func(store.Snapshot) error) error {
	return s.Store.View(ctx, run, func(snapshot store.Snapshot) error {
		now := &brokenSnapshot{Snapshot: snapshot}
		now.jobs = func(iter.Seq2[job, error]) iter.Seq2[job, error] {
			return func(yield func(job, error) bool) {
				_ = s.Store.View(ctx, run, func(snapshot store.Snapshot) error {
					snapshot.Jobs()(yield)
					return nil
				})
			}
		}
		return do(now)
	})
}

// missingRuns has an error for a run that is not there.
type missingRuns struct{ *memory.Store }

func (s *missingRuns) View(ctx context.Context, run domain.RunID, do func(store.Snapshot) error) error {
	return s.Store.View(ctx, run, func(snapshot store.Snapshot) error {
		if _, ok, _ := snapshot.Run(); !ok {
			return errors.New("no rows")
		}
		return do(snapshot)
	})
}

// exclusive lets one sequence be open at a time.
func exclusive[R any](busy *bool) func(iter.Seq2[R, error]) iter.Seq2[R, error] {
	return func(rows iter.Seq2[R, error]) iter.Seq2[R, error] {
		return func(yield func(R, error) bool) {
			if *busy {
				yield(*new(R), errors.New("the connection is busy"))
				return
			}
			*busy = true
			defer func() { *busy = false }()
			rows(yield)
		}
	}
}

// withinConnections lets so many sequences be left before their ends.
func withinConnections[R any](used *int, connections int) func(iter.Seq2[R, error]) iter.Seq2[R, error] {
	return func(rows iter.Seq2[R, error]) iter.Seq2[R, error] {
		return func(yield func(R, error) bool) {
			if *used == connections {
				yield(*new(R), errors.New("no connection is left"))
				return
			}
			*used++
			for row, err := range rows {
				if !yield(row, err) {
					return
				}
			}
			*used--
		}
	}
}

// sortedBy changes the order of rows.
func sortedBy[R comparable](order func(a, b projections.Row[R]) int) func(iter.Seq2[projections.Row[R], error]) iter.Seq2[projections.Row[R], error] {
	return func(rows iter.Seq2[projections.Row[R], error]) iter.Seq2[projections.Row[R], error] {
		return func(yield func(projections.Row[R], error) bool) {
			var all []projections.Row[R]
			_ = collect("rows", &all, rows)
			slices.SortFunc(all, order)
			for _, row := range all {
				if !yield(row, nil) {
					return
				}
			}
		}
	}
}

// listing has functions in place of some methods.
type listing struct {
	*memory.Store
	checkpoints func(context.Context, []domain.RunID) (map[domain.RunID]store.Checkpoint, error)
	runs        func(context.Context, store.Page) ([]store.Run, error)
	runIDs      func(context.Context, domain.RunID, int) ([]domain.RunID, error)
}

func (s *listing) Checkpoints(ctx context.Context, runs []domain.RunID) (map[domain.RunID]store.Checkpoint, error) {
	if s.checkpoints == nil {
		return s.Store.Checkpoints(ctx, runs)
	}
	return s.checkpoints(ctx, runs)
}

func (s *listing) Runs(ctx context.Context, page store.Page) ([]store.Run, error) {
	if s.runs == nil {
		return s.Store.Runs(ctx, page)
	}
	return s.runs(ctx, page)
}

func (s *listing) RunIDs(ctx context.Context, after domain.RunID, limit int) ([]domain.RunID, error) {
	if s.runIDs == nil {
		return s.Store.RunIDs(ctx, after, limit)
	}
	return s.runIDs(ctx, after, limit)
}

// listingRuns returns how to open a store that lists runs in some order.
func listingRuns(order func(a, b store.Run) int) func() store.Store {
	return func() store.Store {
		s := memory.New()
		return &listing{Store: s, runs: func(ctx context.Context, page store.Page) ([]store.Run, error) {
			runs, err := s.Runs(ctx, store.Page{Limit: 1000})
			slices.SortStableFunc(runs, order)
			if page.After != nil {
				runs = slices.DeleteFunc(runs, func(run store.Run) bool { return order(run, *page.After) <= 0 })
			}
			return runs[:min(len(runs), page.Limit)], err
		}}
	}
}

// listingIDs returns how to open a store that lists ids in some order.
func listingIDs(order func(a, b domain.RunID) int) func() store.Store {
	return func() store.Store {
		s := memory.New()
		return &listing{Store: s, runIDs: func(ctx context.Context, after domain.RunID, limit int) ([]domain.RunID, error) {
			ids, err := s.RunIDs(ctx, "", 1000)
			slices.SortFunc(ids, order)
			ids = slices.DeleteFunc(ids, func(id domain.RunID) bool { return order(id, after) <= 0 })
			return ids[:min(len(ids), limit)], err
		}}
	}
}

// utf16Bytes is what some runtimes compare text by.
func utf16Bytes(id domain.RunID) []byte {
	var out []byte
	for _, unit := range utf16.Encode([]rune(string(id))) {
		out = append(out, byte(unit>>8), byte(unit))
	}
	return out
}
