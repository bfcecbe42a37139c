package broker

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/quire-ci/quire-project/adapters/internal/printable"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// Projector applies segments to a store.
type Projector interface {
	// Apply returns when what it did is safely stored, so that the message can be
	// acknowledged: the segment was applied, or had been, or is kept for later, or its
	// run is one that cannot be applied and is set aside. An error means that none
	// of this happened and that it may at another try.
	Apply(ctx context.Context, segment domain.Segment) error
}

// Handler returns a Watermill handler that applies segments. It returns a
// [*NotSegmentError] for a message that is none; what is to become of that, and how
// often other errors are tried again, is up to the router's middleware. Of
// options it looks at Grace and Meter.
//
// The context of a message ends at once when a router is closed. A segment that
// is being applied then has its Grace to finish. A deadline, such as
// Watermill's Timeout sets, is heeded.
func Handler(p Projector, options Options) message.NoPublishHandlerFunc {
	options = options.withDefaults()
	outage := &outage{log: options.Logger}
	return func(msg *message.Message) error {
		segment, err := Segment(msg)
		if err != nil {
			return err
		}
		if err := msg.Context().Err(); err != nil {
			return err // nothing is begun any more
		}
		ctx, cancel := withGrace(msg.Context(), options.Grace)
		defer cancel()
		return measured(options.Meter, &segment, func() error { return outage.note(p.Apply(ctx, segment)) })
	}
}

// outage is logged when a store goes away and when it is back.
type outage struct {
	log  *slog.Logger
	away atomic.Bool
}

func (o *outage) note(err error) error {
	switch {
	case store.IsAway(err) && !o.away.Swap(true):
		o.log.Warn("the store is away; it is tried again until it is back", "error", printable.Line(err.Error()))
	case err == nil && o.away.Load() && o.away.Swap(false):
		o.log.Info("the store is back; nothing was lost")
	}
	return err
}

// measured tells meter how apply went; a panic is a failure too.
func measured(meter Meter, segment *domain.Segment, apply func() error) error {
	start, applied := time.Now(), false
	defer func() {
		if applied {
			meter.Applied(segment, time.Since(start))
		} else {
			meter.ApplyFailed()
		}
	}()
	err := apply()
	applied = err == nil
	return err
}

// withGrace returns a context that ends some time after parent is cancelled, and
// at once when its deadline has passed.
func withGrace(parent context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(parent))
	stop := context.AfterFunc(parent, func() {
		if !errors.Is(parent.Err(), context.DeadlineExceeded) {
			timer := time.NewTimer(grace)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-ctx.Done():
			}
		}
		cancel(context.Cause(parent))
	})
	return ctx, func() { stop(); cancel(context.Canceled) }
}
