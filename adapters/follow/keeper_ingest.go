package follow

import (
	"context"
	"errors"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// ingest brings the rows of a run up to its stream, in turn. An error is the stream's, or a
// *storeFailure.
func (k *keeper) ingest(ctx context.Context, recording *jsonl.StoreSource, each func(error)) error {
	return k.inTurn(ctx, func() error { return k.ingestNow(ctx, recording, each) })
}

// make is ingest for a run that is not stored, and returns its checkpoint.
func (k *keeper) make(ctx context.Context, run domain.RunID, recording *jsonl.StoreSource, each func(error)) (at store.Checkpoint, err error) {
	err = k.inTurn(ctx, func() error {
		at, err = k.checkpointOf(ctx, run, recording, each)
		return err
	})
	return at, err
}

// checkpointOf ingests a stream, and returns the checkpoint that its run has then.
func (k *keeper) checkpointOf(ctx context.Context, run domain.RunID, recording *jsonl.StoreSource, each func(error)) (store.Checkpoint, error) {
	if err := k.ingestNow(ctx, recording, each); err != nil {
		return store.Checkpoint{}, err
	}
	at, _, err := k.checkpoint(ctx, run, each)
	return at, err
}

// ingestNow is ingest for whoever has a turn.
func (k *keeper) ingestNow(ctx context.Context, recording *jsonl.StoreSource, each func(error)) error {
	var result store.Result
	err := k.Patience.do(ctx, each, func() error { return k.once(ctx, recording, &result) })
	switch {
	case err != nil:
		return failure(err)
	case result.Outcome == store.Skipped:
		return result.Err
	case result.Outcome == store.Rewritten:
		k.Notices.Rewritten(result)
	}
	return nil
}

// inTurn does something that takes a connection to the store, and memory, when its turn
// has come: in a folder there may be many streams that want to.
func (k *keeper) inTurn(ctx context.Context, do func() error) error {
	select {
	case k.slots <- struct{}{}:
		defer func() { <-k.slots }()
		return do()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// once ingests. An error is one of the store.
func (k *keeper) once(ctx context.Context, recording *jsonl.StoreSource, result *store.Result) (err error) {
	*result, err = store.Ingest(ctx, k.Store, recording, store.Options{})
	var newer *projections.NewerError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case result.Outcome == store.Skipped && !errors.As(err, &newer):
		return nil
	}
	return err
}

// last is ingest for when following has been interrupted: it is done soon, or
// not at all.
func (k *keeper) last(recording *jsonl.StoreSource) {
	if k.Patience.isAway() || k.gaveUp.Load() {
		return
	}
	var result store.Result
	err := k.inTurn(k.late, func() error { return k.once(k.late, recording, &result) })
	if k.late.Err() != nil {
		err = errors.New("the store does not answer")
	}
	if err != nil && !k.gaveUp.Swap(true) {
		k.Notices.Unfinished(err)
	}
}
