package jetstream

import (
	"context"
	"io"
	"log"
	"os"
	"sync"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"

	"github.com/quire-ci/quire-project/adapters/jetstream/natstest"
)

// Watermill's own suite, with a partition for each of its topics. The ordered variant, for which the
// suite expects one message in flight, also runs.
func TestWatermill(t *testing.T) {
	log.SetOutput(io.Discard) // the suite is talkative
	defer log.SetOutput(os.Stderr)
	for name, c := range map[string]struct {
		inFlight int
		features tests.Features
	}{
		"one in hand":  {1, tests.Features{Persistent: true, GuaranteedOrder: true, ForceShort: true}},
		"many in hand": {16, tests.Features{Persistent: true, ForceShort: testing.Short()}},
	} {
		t.Run(name, func(t *testing.T) {
			// With so many workers, none may be considered dead.
			o := with(func(o *Options) { o.Partitions, o.InFlight, o.lease = 64, c.inFlight, patience })
			topics := topics{broker: openWith(t, natstest.New(t).URL(), o)}
			tests.TestPubSub(t, c.features, func(*testing.T) (message.Publisher, message.Subscriber) {
				return anyPublisher{topics.broker.Publisher(), &topics}, anySubscriber{topics.broker.Subscriber(), &topics}
			}, nil)
		})
	}
}

// topics gives each topic a partition.
type topics struct {
	broker *Broker
	mu     sync.Mutex
	known  map[string]int
}

func (t *topics) partition(topic string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known == nil {
		t.known = map[string]int{}
	}
	if _, ok := t.known[topic]; !ok {
		t.known[topic] = len(t.known)
	}
	return t.broker.Topic(t.known[topic])
}

type anyPublisher struct {
	message.Publisher
	topics *topics
}

func (p anyPublisher) Publish(topic string, messages ...*message.Message) error {
	return p.Publisher.Publish(p.topics.partition(topic), messages...)
}

type anySubscriber struct {
	message.Subscriber
	topics *topics
}

func (s anySubscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	return s.Subscriber.Subscribe(ctx, s.topics.partition(topic))
}
