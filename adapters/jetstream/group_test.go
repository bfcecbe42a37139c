package jetstream

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/jetstream/natstest"
)

// Each group gets all messages, whatever other groups have acked, and its workers share the
// partitions.
func TestGroups(t *testing.T) {
	t.Parallel()
	server := natstest.New(t)
	inGroup := func(name string) *Broker {
		return openWith(t, server.URL(), with(func(o *Options) { o.Group = name }))
	}
	publisher := inGroup("")
	const early, late = 30, 50
	send := func(from, to int) {
		for i := from; i < to; i++ {
			publish(t, publisher, publisher.Topic(i%publisher.Partitions()), numbered(i, 1)...)
		}
	}
	send(0, early)
	var one, two, none sink
	first, second := inGroup("one"), inGroup("one")
	workers := []*worker{first.Subscriber().(*worker), second.Subscriber().(*worker)}
	for i, b := range []*Broker{first, second} {
		go one.drink(subscribe(t, workers[i], b.AllTopics()))
	}
	eventually(t, "the first group has shared the partitions", func() bool {
		return len(reads(workers[0])) == 4 && len(reads(workers[1])) == 4
	})
	eventually(t, "the first group has all early messages", func() bool { return one.len() == early })
	acked(t, first)
	go two.drink(subscribe(t, inGroup("two").Subscriber(), publisher.AllTopics()))
	go none.drink(subscribe(t, publisher.Subscriber(), publisher.AllTopics()))
	send(early, late)
	for name, s := range map[string]*sink{"one": &one, "two": &two, "no name": &none} {
		eventually(t, fmt.Sprintf("the group with %s has all", name), func() bool { return s.len() == late })
	}
	if len(reads(workers[0])) != 4 || len(reads(workers[1])) != 4 {
		t.Error("workers of another group have changed the assignment")
	}
}

// Replay redelivers acked messages to this group, and to no other.
func TestReplay(t *testing.T) {
	t.Parallel()
	server := natstest.New(t)
	open := func(group string) (*Broker, <-chan *message.Message) {
		b := openWith(t, server.URL(), with(func(o *Options) { o.Group = group }))
		return b, subscribe(t, b.Subscriber(), b.AllTopics())
	}
	b, messages := open("one")
	other, otherMessages := open("two")
	publish(t, b, b.Topic(0), numbered(0, 2)...)
	for range 2 {
		next(t, messages).Ack()
		next(t, otherMessages).Ack()
	}
	acked(t, b)
	acked(t, other)
	require.NoError(t, b.Replay(t.Context()))
	for range 2 {
		next(t, messages).Ack()
	}
	quiet(t, otherMessages, 100*time.Millisecond)
}

// The server removes the consumers of an inactive group when it removes the messages.
func TestConsumersOfAGroupThatIsGone(t *testing.T) {
	t.Parallel()
	o := with(func(o *Options) { o.Group, o.Partitions, o.maxAge = "gone", 1, 2*time.Second })
	b := openWith(t, natstest.New(t).URL(), o)
	worker := b.Subscriber()
	subscribe(t, worker, b.AllTopics())
	exists := func() bool {
		_, err := b.js.Consumer(context.Background(), b.options.Stream, b.consumer(0))
		return err == nil
	}
	eventually(t, "the consumer is made", exists)
	consumer, err := b.js.Consumer(context.Background(), b.options.Stream, b.consumer(0))
	require.NoError(t, err, consumer)
	require.Equal(t, o.maxAge, consumer.CachedInfo().Config.InactiveThreshold, consumer)
	require.NoError(t, worker.Close())
	eventually(t, "the consumer is removed", func() bool { return !exists() })
}
