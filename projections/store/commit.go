package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// committer writes changes into a store. Every row of a stream is written here, so the
// rules for transactions are the same for files and brokers.
type committer struct {
	store   Store
	timeout time.Duration // of a transaction; 0 for none
}

// attempts is how often a change is made again because others write the same run.
const attempts = 20

func errContended(what string) error {
	return fmt.Errorf("%s: another program keeps writing the same run; stop one of the two", what)
}

// errRollback ends a transaction without an error: its rows are not to be stored.
var errRollback = errors.New("the rows are not to be stored")

// commit writes changes of different runs in one transaction, until deadline. The err of a
// change says why it was not written, as a [*RefusedError] if the store accepts other runs.
// A change that was neither written nor has an error is stale. If the transaction fails
// because of one run, or takes too long, each change gets a transaction of its own.
//
// A change whose rows can be yielded only once has to be the only one. commit returns the
// error of the first transaction.
func (c *committer) commit(ctx context.Context, deadline time.Time, changes ...*change) error {
	limited, cancel := ctx, context.CancelFunc(func() {})
	if !deadline.IsZero() {
		limited, cancel = context.WithDeadline(ctx, deadline)
	}
	defer cancel()
	err := c.transact(limited, changes)
	if len(changes) > 1 && ctx.Err() == nil && (mayBeRefusal(err) || isLate(err)) {
		c.commitEach(ctx, changes)
		return err
	}
	for _, change := range changes {
		if change.err = err; len(changes) == 1 {
			change.err = asRefused(limited, c.store, change.run, err)
		}
	}
	return err
}

// commitEach writes changes one by one, each in less time than all of them had. It stops
// when the store fails: when it refuses a run, or is late once, that can be the run's fault.
func (c *committer) commitEach(ctx context.Context, changes []*change) {
	var failed error
	late := 0
	for _, change := range changes {
		if change.err = failed; failed != nil {
			continue
		}
		var deadline time.Time
		if c.timeout > 0 {
			deadline = time.Now().Add(c.timeout / 8)
		}
		_ = c.commit(ctx, deadline, change)
		var refused *RefusedError
		switch {
		case change.err == nil, errors.As(change.err, &refused):
		case isLate(change.err) && late == 0:
			late++
		default:
			failed = change.err
		}
	}
}

func isLate(err error) bool { return errors.Is(err, context.DeadlineExceeded) }

// transact writes changes in one transaction, except for those that are stale. A change that
// writes nothing is compared with the store all the same.
func (c *committer) transact(ctx context.Context, changes []*change) error {
	var writing, idle []*change
	for _, change := range changes {
		if change.writes() {
			writing = append(writing, change)
		} else {
			idle = append(idle, change)
		}
	}
	if len(idle) > 0 {
		stored, err := c.store.Checkpoints(ctx, runsOf(idle))
		if err != nil {
			return err
		}
		current(idle, stored)
	}
	if len(writing) == 0 {
		return nil
	}
	err := c.store.Update(ctx, func(tx Tx) error {
		locked, err := c.lock(tx, runsOf(writing))
		if err != nil {
			return err
		}
		return write(tx, slices.DeleteFunc(current(writing, locked), func(c *change) bool {
			c.stale = c.lacksStream(tx.Keeps())
			return c.stale
		}))
	})
	if errors.Is(err, errRollback) {
		return nil
	}
	return err
}

func runsOf(changes []*change) []domain.RunID {
	runs := make([]domain.RunID, len(changes))
	for i, c := range changes {
		runs[i] = c.run
	}
	return runs
}

// current returns the changes that are not stale.
func current(changes []*change, stored map[domain.RunID]Checkpoint) (current []*change) {
	for _, c := range changes {
		if c.compare(stored); !c.stale {
			current = append(current, c)
		}
	}
	return current
}

// lock locks runs, and registers the versions of the projections if they are new to the
// store. It fails with [ErrOtherVersion], before anything is written, if the store's rows are
// of other versions: the rows of a projection have one version in all runs, except for runs
// that no rebuild could derive.
func (c *committer) lock(tx Tx, runs []domain.RunID) (map[domain.RunID]Checkpoint, error) {
	locked, err := tx.Lock(runs)
	if err != nil {
		return nil, err
	}
	versions, err := tx.Versions()
	if err != nil {
		return nil, err
	}
	of := c.store.Projections().Stored()
	if err := checkVersions(of, versions); err != nil {
		return nil, err
	}
	if len(projections.Missing(of, versions)) > 0 {
		err = tx.Register()
	}
	return locked, err
}

// write writes changes. Those that clear the same tables do so in one call.
func write(tx Tx, changes []*change) error {
	runs, tables := map[string][]domain.RunID{}, map[string][]*projections.Definition{}
	for _, c := range changes {
		if len(c.clear) > 0 {
			id := projections.ID(c.clear)
			runs[id], tables[id] = append(runs[id], c.run), c.clear
		}
	}
	for id := range runs {
		if err := tx.Clear(runs[id], tables[id]); err != nil {
			return err
		}
	}
	var discarded []domain.RunID
	for _, c := range changes {
		if c.discard {
			discarded = append(discarded, c.run)
		}
	}
	if len(discarded) > 0 {
		if err := tx.Discard(discarded); err != nil {
			return err
		}
	}
	for _, c := range changes {
		if err := c.writeTo(tx); err != nil {
			return err
		}
	}
	return nil
}
