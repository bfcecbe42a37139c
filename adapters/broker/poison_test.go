package broker_test

import (
	"bytes"
	"errors"
	"strconv"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/quire-ci/quire-project/adapters/broker"
)

// A message that is as large as the broker takes is too large with the reason why it is
// none. It goes to the poison topic without its end, and does not come again for ever.
func TestLargestMessageIsPoison(t *testing.T) {
	const most = 100_000
	b := memoryBroker(t)
	poison, err := b.Subscribe(t.Context(), "poison")
	if err != nil {
		t.Fatal(err)
	}
	pub := publisherFunc(func(topic string, messages ...*message.Message) error {
		for _, msg := range messages {
			size := len(msg.Payload)
			for key, value := range msg.Metadata {
				size += len(key) + len(value)
			}
			if size > most {
				return errors.New("too large")
			}
		}
		return b.Publish(topic, messages...)
	})
	start(t, newRouter(t, b, pub, broker.FixedTopics("q", 1), newInOrder(), hurried))
	payload := bytes.Repeat([]byte("x"), most)
	if err := b.Publish("q.0", message.NewMessage("large", payload)); err != nil {
		t.Fatal(err)
	}
	got := within(t, "poison", poison)
	got.Ack()
	if got.UUID != "large" || !bytes.HasPrefix(payload, got.Payload) || got.Metadata.Get(broker.CutKey) != strconv.Itoa(most) {
		t.Errorf("%s has %d bytes, %v", got.UUID, len(got.Payload), got.Metadata)
	}
}
