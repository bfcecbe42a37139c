package broker

import (
	"cmp"
	"log/slog"
	"time"
)

// Options are those of a [Router] and of a [Handler]. Zero values have the meaning
// that is said with each.
type Options struct {
	// Timeout is how long one try to apply a segment may take, 0: 30 s.
	Timeout time.Duration
	// Tries is how often that is tried, where the store is away or slow, before the broker is
	// asked to deliver the message again later, 0: five times. What fails for another reason
	// is left to the broker at once. All tries, each with its timeout, should end before
	// the broker takes the worker for dead; if not, a segment is
	// applied a second time elsewhere, which is harmless.
	Tries int
	// FirstDelay and MostDelay are between one try and the next, which about
	// doubles, 0: 100 ms and 5 s.
	FirstDelay, MostDelay time.Duration
	// Grace is how long the segment at hand may go on when the router is closed,
	// 0: 10 s.
	Grace time.Duration
	// Logger is told what Watermill says, nil: nobody. It is told nothing that a
	// stream holds.
	Logger *slog.Logger
	// Meter counts, nil: nobody does.
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
		o.Meter = NoMeter{}
	}
	return o
}
