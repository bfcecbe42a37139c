package broker_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/broker"
	"github.com/quire-ci/quire-project/adapters/internal/waittest"
	"github.com/quire-ci/quire-project/domain"
)

// A message that is as large as the broker takes is too large with the reason why it is
// none. It goes to the poison topic without its end, and does not come again for ever.
func TestLargestMessageIsPoison(t *testing.T) {
	const most = 100_000
	b := memoryBroker(t)
	poison, err := b.Subscribe(t.Context(), "poison")
	require.NoError(t, err)
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
	p, _ := handingOver()
	start(t, newRouter(t, b, pub, broker.FixedTopics("q", 1), p, hurried))
	fat := message.NewMessage("fat", []byte("hello"))
	fat.Metadata.Set("x", strings.Repeat("x", most))
	fat.Metadata.Set("y", "y")
	require.NoError(t, b.Publish("q.0", fat))
	thin := within(t, "poison", poison)
	thin.Ack()
	if thin.UUID != "fat" || string(thin.Payload) != "hello" || thin.Metadata.Get("y") != "y" || thin.Metadata.Get(broker.CutKey) != "5" || thin.Metadata.Get("reason_poisoned") == "" {
		t.Errorf("%s has %q, %v", thin.UUID, thin.Payload, thin.Metadata)
	}
	payload := bytes.Repeat([]byte("x"), most)
	require.NoError(t, b.Publish("q.0", message.NewMessage("large", payload)))
	got := within(t, "poison", poison)
	got.Ack()
	if got.UUID != "large" || !bytes.HasPrefix(payload, got.Payload) || got.Metadata.Get(broker.CutKey) != strconv.Itoa(most) {
		t.Errorf("%s has %d bytes, %v", got.UUID, len(got.Payload), got.Metadata)
	}
}

// A message that is no segment and cannot be stored in the poison topic is not redelivered, and the
// segments after it are applied. The log describes it without raw text.
func TestWhatCannotBeKeptBlocksNothing(t *testing.T) {
	b := memoryBroker(t)
	pub := publisherFunc(func(topic string, messages ...*message.Message) error {
		if topic == "poison" {
			return errors.New("there is no\x1b[2J such stream")
		}
		return b.Publish(topic, messages...)
	})
	var log waittest.Output
	options := hurried
	options.Logger = slog.New(slog.NewTextHandler(&log, nil))
	projector, applied := handingOver()
	start(t, newRouter(t, b, pub, broker.FixedTopics("q", 1), projector, options))
	const hostile = 100
	for i := range hostile {
		require.NoError(t, b.Publish("q.0", message.NewMessage(fmt.Sprintf("\x1b[31m%d%s", i, strings.Repeat("z", 1000)), []byte("secret"))))
	}
	segment := domain.Segment{Run: "good", Data: []byte("line\n")}
	require.NoError(t, b.Publish("q.0", broker.Message(segment)))
	within(t, "the segment", applied)
	require.True(t, waittest.Until(func() bool { return strings.Count(log.String(), "is lost") == hostile }), log.String())
	if text := log.String(); strings.Contains(text, "secret") || strings.Contains(text, "\x1b") || strings.Contains(text, strings.Repeat("z", 500)) {
		t.Error("the log has something raw of a message")
	}
}
