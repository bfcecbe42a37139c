package storetest

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/quire-ci/quire-project/domain"
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

func (t *autoTx) Insert(rows *store.Rows) error {
	return t.alone(func(tx store.Tx) error {
		return errors.Join(tx.Clear([]domain.RunID{rows.RunID}, 0), tx.Insert(rows))
	})
}

func (t *autoTx) SetCheckpoint(run domain.RunID, checkpoint store.Checkpoint) error {
	return t.alone(func(tx store.Tx) error { return tx.SetCheckpoint(run, checkpoint) })
}

func (t *autoTx) Hold(segments []domain.Segment) error {
	return t.alone(func(tx store.Tx) error { return tx.Hold(segments) })
}

func (t *autoTx) Unhold(run domain.RunID, end int64) error {
	return t.alone(func(tx store.Tx) error { return tx.Unhold(run, end) })
}

func (t *autoTx) SetQuarantine(run domain.RunID, quarantine *store.Quarantine) error {
	return t.alone(func(tx store.Tx) error { return tx.SetQuarantine(run, quarantine) })
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
