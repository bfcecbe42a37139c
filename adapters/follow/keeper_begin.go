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
func (k *keeper) begin(ctx context.Context, run domain.RunID, recording *jsonl.Recording, short, known bool, each func(error)) (at store.Checkpoint, err error) {
	at, stored, err := k.checkpoint(ctx, run, each)
	if err != nil {
		return at, err
	}
	if stored || !short {
		if err := k.ingest(ctx, recording, each); err != nil {
			return at, err
		}
		if at, _, err = k.checkpoint(ctx, run, each); err != nil {
			return at, err
		}
	}
	if !known {
		if known, err = k.isHeld(ctx, run, each); err != nil {
			return at, err
		}
	}
	if known { // it reads the run's rows again, and forgets what waits for others
		err = k.patience.do(ctx, each, func() error { return k.projector.Drop(ctx, run) })
	}
	return at, failure(err)
}

func (k *keeper) checkpoint(ctx context.Context, run domain.RunID, each func(error)) (at store.Checkpoint, stored bool, err error) {
	err = k.patience.do(ctx, each, func() error {
		all, err := k.store.Checkpoints(ctx, []domain.RunID{run})
		at, stored = all[run]
		return err
	})
	return at, stored, failure(err)
}

// isHeld reports whether segments of a run are held, or it is quarantined.
func (k *keeper) isHeld(ctx context.Context, run domain.RunID, each func(error)) (held bool, err error) {
	err = k.patience.do(ctx, each, func() error {
		waiting, err := k.store.Waiting(ctx, run)
		held = len(waiting) > 0
		return err
	})
	return held, failure(err)
}
