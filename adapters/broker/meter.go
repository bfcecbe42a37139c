package broker

import (
	"time"

	"github.com/quire-ci/quire-project/domain"
)

// Meter is told what goes on; package metrics has one for Prometheus. It must be
// safe for concurrent use.
type Meter interface {
	// Published is called when the broker has taken segments.
	Published(segments int, bytes int64)
	// PublishFailed is called when it has not, each time.
	PublishFailed()
	// Applied is called when a segment has been handed to the projector and is
	// safely stored.
	Applied(segment *domain.Segment, took time.Duration)
	// ApplyFailed is called when it is not, each time.
	ApplyFailed()
	// Poisoned is called when a message has gone to the poison topic.
	Poisoned()
}

// NoMeter is a [Meter] that counts nothing. Who wants to hear of some things only
// embeds it.
type NoMeter struct{}

func (NoMeter) Published(int, int64)                   {}
func (NoMeter) PublishFailed()                         {}
func (NoMeter) Applied(*domain.Segment, time.Duration) {}
func (NoMeter) ApplyFailed()                           {}
func (NoMeter) Poisoned()                              {}
