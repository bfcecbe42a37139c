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
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// closing is how long what is under way may take when a command ends.
const closing = 10 * time.Second

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

// begin brings the rows of a run up to what is there of its stream, so that what
// comes continues them, and returns the checkpoint. A short stream that is not
// stored is left for the projector, which writes many at once. known says that the
// projector may know the run from before.
func (k *keeper) begin(ctx context.Context, run domain.RunID, recording *jsonl.Recording, short, known bool, trouble func(error)) (at store.Checkpoint, err error) {
	at, stored, err := k.checkpoint(ctx, run, trouble)
	if err != nil {
		return at, err
	}
	if stored || !short {
		if err := k.ingest(ctx, recording, trouble); err != nil {
			return at, err
		}
		if at, _, err = k.checkpoint(ctx, run, trouble); err != nil {
			return at, err
		}
	}
	if !known {
		if known, err = k.isHeld(ctx, run, trouble); err != nil {
			return at, err
		}
	}
	if known { // it reads the run's rows again, and forgets what waits for others
		err = k.outage.patiently(ctx, trouble, func() error { return k.projector.Drop(ctx, run) })
	}
	return at, failure(err)
}

func (k *keeper) checkpoint(ctx context.Context, run domain.RunID, trouble func(error)) (at store.Checkpoint, stored bool, err error) {
	err = k.outage.patiently(ctx, trouble, func() error {
		all, err := k.store.Checkpoints(ctx, []domain.RunID{run})
		at, stored = all[run]
		return err
	})
	return at, stored, failure(err)
}

// isHeld reports whether segments of a run are held, or it is quarantined.
func (k *keeper) isHeld(ctx context.Context, run domain.RunID, trouble func(error)) (held bool, err error) {
	err = k.outage.patiently(ctx, trouble, func() error {
		waiting, err := k.store.Waiting(ctx, run)
		held = len(waiting) > 0
		return err
	})
	return held, failure(err)
}

// ingest brings the rows of a run up to its stream. An error is the stream's, or a
// *storeFailure.
func (k *keeper) ingest(ctx context.Context, recording *jsonl.Recording, trouble func(error)) error {
	var result store.Result
	err := k.outage.patiently(ctx, trouble, func() error { return k.once(ctx, recording, &result) })
	switch {
	case err != nil:
		return failure(err)
	case result.Outcome == store.SetAside:
		return result.Err
	case result.Outcome == store.Rewritten:
		k.say(rewritten(result))
	}
	return nil
}

// once ingests in turn. An error is one of the store.
func (k *keeper) once(ctx context.Context, recording *jsonl.Recording, result *store.Result) error {
	select {
	case k.slots <- struct{}{}:
		defer func() { <-k.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	var err error
	*result, err = store.Ingest(ctx, k.store, recording, store.Options{})
	var reducers *store.ReducersError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case result.Outcome == store.SetAside && !errors.As(err, &reducers):
		return nil
	}
	return err
}

// errStopped says that the store does not take the stream for what it was: its
// rows have to be derived from the start of the stream.
var errStopped = errors.New("the store has other rows of the run than were derived here; see to it that no other program writes it")

// apply has a segment applied. seen is what held was when that was looked at
// last.
func (k *keeper) apply(ctx context.Context, segment domain.Segment, seen *int64, trouble func(error)) error {
	if err := k.outage.patiently(ctx, trouble, func() error { return k.projector.Apply(ctx, segment) }); err != nil {
		return failure(err)
	}
	now := k.held.Load()
	if now == *seen {
		return nil
	}
	*seen = now // of whichever run it was
	held, err := k.isHeld(ctx, segment.Run, trouble)
	if err == nil && held {
		return errStopped
	}
	return err
}

// last is ingest for when following has been interrupted: it is done soon, or
// not at all.
func (k *keeper) last(recording *jsonl.Recording) {
	if k.outage.isOn() || k.gaveUp.Load() {
		return
	}
	var result store.Result
	if err := k.once(k.late, recording, &result); err != nil && !k.gaveUp.Swap(true) {
		k.say(err.Error() + "; the same command goes on where it was")
	}
}
