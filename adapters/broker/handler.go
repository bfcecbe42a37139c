package broker

import (
	"cmp"
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
	// Apply returns nil when the segment's effect is safely stored, so that the message can be
	// acknowledged: the segment was applied, or had been, or is parked, or its run is quarantined. After an
	// error, none of this is the case, and another attempt may succeed.
	Apply(ctx context.Context, segment domain.Segment) error
}

// Meter counts what a [Handler] does; package metrics has one for Prometheus. It must
// be safe for concurrent use.
type Meter interface {
	// Applied is called when a segment has been handed to the projector and is safely stored.
	Applied(segment *domain.Segment, took time.Duration)
	// ApplyFailed is called after each attempt that failed.
	ApplyFailed()
	// Poisoned is called when a message has gone to the poison topic.
	Poisoned()
}

// noMeter is a [Meter] that counts nothing.
type noMeter struct{}

func (noMeter) Applied(*domain.Segment, time.Duration) {}
func (noMeter) ApplyFailed()                           {}
func (noMeter) Poisoned()                              {}

// Options are the options of [NewRouter] and [Handler]. The zero value selects the defaults.
type Options struct {
	// Timeout is the maximum duration of one attempt to apply a segment. The default is 30 s.
	Timeout time.Duration
	// Tries is the number of attempts while the store is unavailable or slow, before the broker has
	// to deliver the message again later. The default (0) is five. A message that fails for another
	// reason is left to the broker at once. All attempts, each with its timeout, should end before
	// the broker considers the worker dead; if not, another worker applies the segment, too, which
	// is harmless.
	Tries int
	// FirstDelay and MostDelay are the first and the maximum delay between attempts. Each delay is
	// about twice the previous one. The defaults are 100 ms and 5 s.
	FirstDelay, MostDelay time.Duration
	// Grace is how long the current segment may take after the router is closed. The default is 10 s.
	Grace time.Duration
	// Logger, if set, receives log records, which quote nothing of a stream.
	Logger *slog.Logger
	// Meter, if set, counts the outcomes.
	Meter Meter
}

func (o Options) withDefaults() Options {
	o.Timeout = cmp.Or(o.Timeout, 30*time.Second)
	o.Tries = cmp.Or(max(o.Tries, 0), 5)
	o.FirstDelay = cmp.Or(o.FirstDelay, 100*time.Millisecond)
	o.MostDelay = cmp.Or(o.MostDelay, 5*time.Second)
	o.Grace = cmp.Or(o.Grace, 10*time.Second)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Meter == nil {
		o.Meter = noMeter{}
	}
	return o
}

// Handler returns a Watermill handler that applies segments. It returns a
// [*NotSegmentError] for any other message. What happens to such a message, and how
// often an attempt is repeated after another error, is up to the router's middleware. Of
// options it uses Grace, Logger and Meter.
//
// The context of a message ends at once when a router is closed. The current segment
// then has its Grace to finish. A deadline, such as Watermill's Timeout sets, is respected.
func Handler(p Projector, options Options) message.NoPublishHandlerFunc {
	options = options.withDefaults()
	outage := &outage{log: options.Logger}
	return func(msg *message.Message) error {
		segment, err := Segment(msg)
		if err != nil {
			return err
		}
		if err := msg.Context().Err(); err != nil {
			return err // the router is closed, or the subscriber has withdrawn the message
		}
		ctx, cancel := withGrace(msg.Context(), options.Grace)
		defer cancel()
		return measured(options.Meter, &segment, func() error { return outage.note(p.Apply(ctx, segment)) })
	}
}

// outage logs when a store becomes unavailable and when it is back.
type outage struct {
	log  *slog.Logger
	away atomic.Bool
}

func (o *outage) note(err error) error {
	switch {
	case store.IsAway(err) && !o.away.Swap(true):
		o.log.Warn("the store is unavailable; retrying until it is back", "error", printable.Line(err.Error()))
	case err == nil && o.away.Load() && o.away.Swap(false):
		o.log.Info("the store is back; nothing was lost")
	}
	return err
}

// measured calls apply and counts its outcome. A panic counts as a failure.
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

// withGrace returns a context that ends some time after parent is cancelled, or at once when parent's
// deadline has passed.
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
