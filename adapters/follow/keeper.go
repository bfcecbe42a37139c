package follow

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/projections/store"
)

// keeper keeps the rows of streams that are followed up with them.
type keeper struct {
	Options
	projector *store.Projector

	interrupted context.Context // done when following is to end
	late        context.Context // done a while after that
	stop        func() error    // ends the projector's work
	release     func()          // lets go of the contexts

	// held counts the batches in which something was not applied, but held.
	held   atomic.Int64
	slots  chan struct{} // see inTurn
	gaveUp atomic.Bool   // the store was away when following ended
}

// storeFailure is an error of the store, which ends following.
type storeFailure struct{ err error }

func (e *storeFailure) Error() string { return e.err.Error() }
func (e *storeFailure) Unwrap() error { return e.err }

func failure(err error) error {
	var refused *store.RefusedError // of one run
	if err == nil || errors.Is(err, context.Canceled) || errors.As(err, &refused) {
		return err
	}
	return &storeFailure{err}
}

// newKeeper keeps the rows in a store up to date until ctx ends.
func newKeeper(ctx context.Context, options Options) *keeper {
	k := &keeper{Options: options, interrupted: ctx, slots: make(chan struct{}, max(2, runtime.GOMAXPROCS(0)))}
	k.projector = store.NewProjector(k.Store, jsonl.NewSegments(options.Streams), store.ProjectorOptions{Done: k.done})
	k.stop = sync.OnceValue(k.stopProjector)
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	k.late = late
	unhook := context.AfterFunc(ctx, func() {
		time.AfterFunc(k.Grace, cancel)
		_ = k.stop() // lets go of those who wait for the store
	})
	k.release = func() { unhook(); cancel() }
	return k
}

func (k *keeper) done(batch store.Batch) {
	if batch.Parked > 0 || len(batch.Quarantined) > 0 {
		k.held.Add(1)
	}
}

// stopProjector finishes the transaction that is under way, unless the store is
// away.
func (k *keeper) stopProjector() error {
	ctx, cancel := context.WithTimeout(context.Background(), k.Grace)
	defer cancel()
	if k.Patience.isAway() {
		cancel()
	}
	return k.projector.Close(ctx)
}

// close ends the work with the store.
func (k *keeper) close() error {
	err := k.stop()
	k.release()
	if k.interrupted.Err() != nil {
		err = nil // what was not finished is not there, and the same command goes on
	}
	return err
}
