package storetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

var waitLaws = []law{
	example("Lock waits for the transaction that holds the run, and sees its rows", lockWaits),
	example("waiting for a lock can be cancelled", waitCancelled),
	example("locking runs in any order causes no deadlock", noDeadlock),
	example("no update of a run is lost", noneLost),
	example("a cancelled call does nothing", cancelledCalls),
}

// pause is how long a law waits for something that must not happen. moment is the duration of a
// transaction with which others must collide.
const (
	pause  = 50 * time.Millisecond
	moment = time.Millisecond
)

// rewrite replaces the stored content of a run.
func (t *trial) rewrite(tx store.Tx, now *content) error {
	runs := []domain.RunID{now.id}
	if _, err := tx.Lock(runs); err != nil {
		return err
	}
	if err := tx.Clear(runs, t.of); err != nil {
		return err
	}
	return now.insert(tx)
}

// two returns two contents of one run; the first one is stored.
func (t *trial) two() (before, now *content) {
	before, now = t.plain(t.run("a")), t.plain(t.run("a"))
	t.addText(before, "before")
	now.run().Events, now.checkpoint.V.Events = 2, 2
	t.addText(now, "now")
	t.addText(now, "before")
	must(t.write(before))
	return before, now
}

func lockWaits(t *trial) {
	_, now := t.two()
	runs, second := []domain.RunID{now.id}, make(chan error, 1)
	var committing atomic.Bool
	err := t.transact(func(tx store.Tx) {
		must(t.rewrite(tx, now))
		go func() {
			second <- t.transact(func(tx store.Tx) {
				got := value(tx.Lock(runs))
				failIf(!committing.Load(), "Lock did not wait for another transaction that has the run")
				must(checkpointsDiffer("Lock, after it has waited,", got, map[domain.RunID]store.Checkpoint{now.id: now.checkpoint.V}))
			})
		}()
		time.Sleep(pause)
		committing.Store(true)
	})
	must(errors.Join(err, <-second))
	must(t.holds(now))
}

func waitCancelled(t *trial) {
	_, now := t.two()
	must(t.transact(func(tx store.Tx) {
		must(t.rewrite(tx, now))
		ctx, cancel := context.WithTimeout(t.ctx, pause)
		defer cancel()
		waited := make(chan error, 1)
		go func() {
			waited <- t.store.Update(ctx, func(tx store.Tx) error {
				_, err := tx.Lock([]domain.RunID{now.id})
				return err
			})
		}()
		select {
		case err := <-waited:
			failIf(err == nil, "Lock did not wait for another transaction that has the run")
		case <-time.After(hangs):
			failf("Lock waits on although its context has ended")
		}
	}))
	must(t.holds(now))
}

// together calls do on several goroutines.
func together(goroutines int, do func(i int)) {
	var wg sync.WaitGroup
	errs := make([]error, goroutines)
	for i := range goroutines {
		wg.Go(func() { errs[i] = caught(func() { do(i) }) })
	}
	wg.Wait()
	must(cmp.Or(errs...)) // one error is enough
}

func noDeadlock(t *trial) {
	const rounds = 20
	var runs []domain.RunID
	for i := range 8 {
		runs = append(runs, t.run(fmt.Sprint(i)))
	}
	together(4, func(i int) {
		mine := slices.Clone(runs)
		if i%2 == 1 {
			slices.Reverse(mine)
		}
		for range rounds {
			must(t.update(mine, func(tx store.Tx) { must(tx.Clear(mine[i:i+4], t.of)) }))
		}
	})
}

// noneLost increases a number from several goroutines, each reading it under the lock. The run is
// not stored at first.
func noneLost(t *trial) {
	const goroutines, rounds = 4, 15
	c := t.plain(t.run("counted"))
	runs := []domain.RunID{c.id}
	together(goroutines, func(int) {
		for range rounds {
			must(t.transact(func(tx store.Tx) {
				locked := value(tx.Lock(runs))
				time.Sleep(moment)
				next := t.plain(c.id)
				next.checkpoint.V.Events = locked[c.id].Events + 1
				next.run().Events = next.checkpoint.V.Events
				must(tx.Clear(runs, t.of))
				must(next.insert(tx))
			}))
		}
	})
	c.run().Events, c.checkpoint.V.Events = goroutines*rounds, goroutines*rounds
	must(t.holds(c))
}

func cancelledCalls(t *trial) {
	before, now := t.two()
	ctx, cancel := context.WithCancel(t.ctx)
	cancel()
	_, checkpoints := t.store.Checkpoints(ctx, []domain.RunID{before.id})
	_, runs := t.store.Runs(ctx, store.Page{})
	_, runIDs := t.store.RunIDs(ctx, "", 10)
	_, outdated := t.store.Outdated(ctx, "", 10)
	_, versions := t.store.Versions(ctx)
	for call, err := range map[string]error{
		"Checkpoints": checkpoints, "Runs": runs, "RunIDs": runIDs, "Outdated": outdated, "Versions": versions,
		"Update": t.store.Update(ctx, func(tx store.Tx) error { return t.rewrite(tx, now) }),
		"View": t.store.View(ctx, before.id, func(snapshot store.Snapshot) error {
			_, err := readContent(before.id, t.of, snapshot)
			return err
		}),
	} {
		failIf(err == nil, "%s returns no error, and its context has ended", call)
	}
	must(t.holds(before))
}
