package jetstream

import (
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/jetstream/natstest"
)

// The bytes in flight are bounded, also after short messages, and large messages still arrive.
func TestInFlightBytes(t *testing.T) {
	b := openWith(t, natstest.New(t).URL(), with(func(o *Options) { o.Partitions, o.InFlight, o.inFlightBytes = 1, 256, 1<<20 }))
	messages := subscribe(t, b.Subscriber(), b.Topic(0))
	publish(t, b, b.Topic(0), numbered(0, 4)...)
	for range 4 {
		next(t, messages).Ack()
	}
	const count, size = 40, 300_000
	for range count {
		publish(t, b, b.Topic(0), message.NewMessage(watermill.NewUUID(), make([]byte, size)))
	}
	var inHand []*message.Message
	for came := 0; came < count; {
		select {
		case m := <-messages:
			came++
			inHand = append(inHand, m)
			require.LessOrEqual(t, len(inHand)*size, 3<<20)
		case <-time.After(200 * time.Millisecond): // that is all for now
			require.NotEmpty(t, inHand, "after %d messages no more come", came)
			for _, m := range inHand {
				m.Ack()
			}
			inHand = nil
		}
	}
}
