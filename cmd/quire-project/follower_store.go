package main

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/projections/store"
)

// keeper keeps the rows of streams that are followed up with them.
type keeper struct {
	store     openedStore
	projector *store.Projector
	outage    *outage
	say       func(string)

	interrupted context.Context // done with Ctrl-C
	late        context.Context // done a while after that
	stop        func() error    // ends the projector's work

	// held counts the batches in which something was not applied, but held.
	held atomic.Int64
	// slots are taken for the reading of whole streams, of which there may be
	// many at the start: each takes memory and a connection.
	slots  chan struct{}
	gaveUp atomic.Bool // the store was away when following ended
}

// storeFailure is an error of the store, which ends following.
type storeFailure struct{ err error }

func (e *storeFailure) Error() string { return e.err.Error() }
func (e *storeFailure) Unwrap() error { return e.err }

func failure(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return &storeFailure{err}
}

// newKeeper opens a store to be kept up to date until ctx ends.
func newKeeper(ctx context.Context, at address, f *follower) (*keeper, error) {
	k := &keeper{outage: &outage{say: f.remarks.now}, say: f.remarks.now, interrupted: ctx, slots: make(chan struct{}, max(2, runtime.GOMAXPROCS(0)))}
	err := k.outage.patiently(ctx, nil, func() (err error) {
		if k.store, err = openFollowed(ctx, at); isUnreachable(err) {
			err = backoff.Permanent(err)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	k.projector = store.NewProjector(k.store, jsonl.NewSegments(f.options), store.ProjectorOptions{Done: k.done})
	k.stop = sync.OnceValue(k.stopProjector)
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	k.late = late
	context.AfterFunc(ctx, func() {
		time.AfterFunc(closing, cancel)
		_ = k.stop() // lets go of those who wait for the store
	})
	return k, nil
}

func (k *keeper) done(batch store.Batch) {
	if batch.Held > 0 || len(batch.Quarantined) > 0 {
		k.held.Add(1)
	}
}

// stopProjector finishes the transaction that is under way, unless the store is
// away.
func (k *keeper) stopProjector() error {
	ctx, cancel := context.WithTimeout(context.Background(), closing)
	defer cancel()
	if k.outage.isOn() {
		cancel()
	}
	return k.projector.Close(ctx)
}

// close ends the work with the store.
func (k *keeper) close() error {
	err := k.stop()
	if k.interrupted.Err() != nil {
		err = nil // what was not finished is not there, and the same command goes on
	}
	return cmp.Or(err, k.store.Close())
}
