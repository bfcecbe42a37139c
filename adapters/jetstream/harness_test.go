package jetstream

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/quire-ci/quire-project/adapters/internal/waittest"
	"github.com/stretchr/testify/require"
)

// quick are options for tests that do not wait long.
var quick = Options{lease: time.Second, ackWait: 2 * time.Second, drain: 2 * time.Second, publishTimeout: patience}

func openWith(t testing.TB, address string, o Options) *Broker {
	t.Helper()
	b, err := Open(context.Background(), address, o)
	require.NoError(t, err)
	t.Cleanup(func() { b.Close() })
	return b
}

func with(change func(*Options)) Options {
	o := quick
	change(&o)
	return o
}

func publish(t testing.TB, b *Broker, topic string, messages ...*message.Message) {
	t.Helper()
	require.NoError(t, b.Publisher().Publish(topic, messages...))
}

func subscribe(t testing.TB, s message.Subscriber, topic string) <-chan *message.Message {
	t.Helper()
	messages, err := s.Subscribe(context.Background(), topic)
	require.NoError(t, err)
	return messages
}

func numbered(first, n int) (messages []*message.Message) {
	for i := range n {
		m := message.NewMessage(watermill.NewUUID(), fmt.Appendf(nil, "%d", first+i))
		messages = append(messages, m)
	}
	return messages
}

const patience = waittest.Patience

// next returns the next message, not yet acked.
func next(t testing.TB, messages <-chan *message.Message) *message.Message {
	t.Helper()
	select {
	case m, ok := <-messages:
		require.True(t, ok, "the channel is closed")
		return m
	case <-time.After(patience):
		t.Fatal("no message comes")
	}
	return nil
}

// quiet fails if a message comes.
func quiet(t testing.TB, messages <-chan *message.Message, d time.Duration) {
	t.Helper()
	select {
	case m, ok := <-messages:
		require.False(t, ok, "one more message, %q", m.Payload)
	case <-time.After(d):
	}
}

// eventually waits until a condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	require.True(t, waittest.Until(holds), what)
}

// acked waits until the server knows that all messages are acked.
func acked(t testing.TB, b *Broker) {
	t.Helper()
	eventually(t, "all is acked", func() bool {
		lags, err := b.Lag(context.Background())
		return err == nil && !slices.ContainsFunc(lags, func(l Lag) bool { return l.Pending > 0 || l.InFlight > 0 })
	})
}

// reads returns the partitions from which a worker requests messages.
func reads(s message.Subscriber) map[int]bool {
	return those(s, func(a *assignment) bool { return a.reading.Load() })
}

// pins returns the partitions whose messages the server delivers to a worker.
func pins(s message.Subscriber) map[int]bool {
	return those(s, func(a *assignment) bool { return a.pinned.Load() })
}

func those(s message.Subscriber, are func(*assignment) bool) (partitions map[int]bool) {
	w := s.(*worker)
	partitions = map[int]bool{}
	w.mu.Lock()
	defer w.mu.Unlock()
	for partition, a := range w.assignments {
		if are(a) {
			partitions[partition] = true
		}
	}
	return partitions
}

// sink acks and counts messages.
type sink struct {
	mu   sync.Mutex
	seen map[string]int
	last []string
}

func (s *sink) drink(messages <-chan *message.Message) {
	for m := range messages {
		s.mu.Lock()
		if s.seen == nil {
			s.seen = map[string]int{}
		}
		s.seen[m.UUID]++
		s.last = append(s.last, string(m.Payload))
		s.mu.Unlock()
		m.Ack()
	}
}

func (s *sink) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.seen)
}
