package follow

import (
	"context"
	"errors"

	"github.com/quire-ci/quire-project/domain"
)

// errStopped says that the store does not take the stream for what it was: its
// rows have to be derived from the start of the stream.
var errStopped = errors.New("the store has other rows of the run than were derived here; see to it that no other program writes it")

// apply has a segment applied. seen is what held was when that was looked at
// last.
func (k *keeper) apply(ctx context.Context, segment domain.Segment, seen *int64, each func(error)) error {
	if err := k.Patience.do(ctx, each, func() error { return k.projector.Apply(ctx, segment) }); err != nil {
		return failure(err)
	}
	now := k.held.Load()
	if now == *seen {
		return nil
	}
	*seen = now // of whichever run it was
	held := false
	err := k.inTurn(ctx, func() (err error) {
		held, err = k.isHeld(ctx, segment.Run, each)
		return err
	})
	if err == nil && held {
		return errStopped
	}
	return err
}
