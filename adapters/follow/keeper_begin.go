package follow

import (
	"context"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// begin brings the rows of a run up to what is there of its stream, so that what
// comes continues them, and returns the checkpoint. A short stream that is not
// stored is left for the projector, which writes many at once. known says that the
// projector may know the run from before.
func (k *keeper) begin(ctx context.Context, run domain.RunID, recording *jsonl.StoreSource, short, known bool, each func(error)) (at store.Checkpoint, err error) {
	err = k.inTurn(ctx, func() error {
		at, err = k.upTo(ctx, run, recording, short, each)
		if err == nil && !known {
			known, err = k.isHeld(ctx, run, each)
		}
		return err
	})
	if known && err == nil { // it reads the run's rows again, and forgets what waits for others
		err = failure(k.Patience.do(ctx, each, func() error { return k.projector.Drop(ctx, run) }))
	}
	return at, err
}

// upTo ingests a stream, unless it is left for the projector.
func (k *keeper) upTo(ctx context.Context, run domain.RunID, recording *jsonl.StoreSource, short bool, each func(error)) (store.Checkpoint, error) {
	at, stored, err := k.checkpoint(ctx, run, each)
	if err != nil || !stored && short {
		return at, err
	}
	return k.checkpointOf(ctx, run, recording, each)
}

func (k *keeper) checkpoint(ctx context.Context, run domain.RunID, each func(error)) (at store.Checkpoint, stored bool, err error) {
	err = k.Patience.do(ctx, each, func() error {
		all, err := k.Store.Checkpoints(ctx, []domain.RunID{run})
		at, stored = all[run]
		return err
	})
	return at, stored, failure(err)
}

// isHeld reports whether segments of a run are held, or it is quarantined.
func (k *keeper) isHeld(ctx context.Context, run domain.RunID, each func(error)) (held bool, err error) {
	err = k.Patience.do(ctx, each, func() error {
		waiting, err := k.Store.Waiting(ctx, run)
		held = len(waiting) > 0
		return err
	})
	return held, failure(err)
}
