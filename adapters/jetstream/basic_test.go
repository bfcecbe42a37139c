package jetstream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/jetstream/natstest"
)

// A message arrives unchanged, whatever it contains.
func TestRoundTrip(t *testing.T) {
	b := openWith(t, natstest.New(t).URL(), quick)
	messages := subscribe(t, b.Subscriber(), b.AllTopics())
	tries := 0
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringN(0, 20, -1), rapid.SampledFrom([]string{"", " ", "\r\n", "a: b", "%41", "+", "\x00", "\xff", "é", "Nats-Msg-Id", "Status"}))
		tries++
		uuid := rapid.OneOf(rapid.Just(""), rapid.Map(text, func(s string) string { return fmt.Sprint(s, tries, s) })).Draw(t, "uuid")
		m := message.NewMessage(uuid, rapid.SliceOfN(rapid.Byte(), 0, 2000).Draw(t, "payload"))
		m.Metadata = rapid.MapOfN(text, text, 0, 5).Draw(t, "metadata")
		require.NoError(t, b.Publisher().Publish(b.Topic(rapid.IntRange(0, 7).Draw(t, "partition")), m))
		select {
		case got := <-messages:
			require.True(t, got.Equals(m), "went in as %q %q %q, came out as %q %q %q", m.UUID, m.Metadata, m.Payload, got.UUID, got.Metadata, got.Payload)
			got.Ack()
		case <-time.After(patience):
			t.Fatal("it does not come")
		}
	})
	quiet(t, messages, 50*time.Millisecond)
}

// One message can be published to several topics.
func TestPublishedToMany(t *testing.T) {
	b := openWith(t, natstest.New(t).URL(), quick)
	m := message.NewMessage("the same", []byte("x"))
	for range 2 {
		publish(t, b, b.Topic(0), m)
		publish(t, b, b.Topic(1), m)
	}
	messages := subscribe(t, b.Subscriber(), b.AllTopics())
	for range 2 {
		got := next(t, messages)
		if !got.Equals(m) {
			t.Error(got)
		}
		got.Ack()
	}
	quiet(t, messages, 100*time.Millisecond)
}

// Messages of other publishers, which do not know this package, arrive unchanged.
func TestFromElsewhere(t *testing.T) {
	b := openWith(t, natstest.New(t).URL(), quick)
	messages := subscribe(t, b.Subscriber(), b.AllTopics())
	for _, c := range []struct{ id, uuid string }{{"an id/100%", "an id/100%"}, {"quire.1/a", "quire.1/a"}, {"quire.0/a%2Fb", "a/b"}, {"", ""}} {
		header := nats.Header{"Quire-Meta-%zz": {"%"}, "Other": {"x"}}
		if c.id != "" {
			header.Set(jetstream.MsgIDHeader, c.id)
		}
		require.NoError(t, b.conn.PublishMsg(&nats.Msg{Subject: "quire.0", Header: header, Data: []byte("payload")}))
		got := next(t, messages)
		assert.True(t, got.Equals((&message.Message{UUID: c.uuid, Metadata: message.Metadata{"%zz": "%"}, Payload: []byte("payload")})), "%q: %q %q", c.id, got.UUID, got.Metadata)
		got.Ack()
	}
}

// Headers with which a publisher imitates the server do not hold up the messages behind them.
func TestImitatedHeaders(t *testing.T) {
	t.Parallel()
	b := openWith(t, natstest.New(t).URL(), with(func(o *Options) { o.lease = patience }))
	messages := subscribe(t, b.Subscriber(), b.Topic(0))
	headers := []nats.Header{{"Status": {"400"}}, {"Status": {"409"}}, {"Status": {"423"}}, {"Nats-Pin-Id": {"x"}}, {"Nats-Pin-Id": {"x", ""}}}
	const each = 50
	for i := range each * len(headers) {
		require.NoError(t, b.conn.PublishMsg(&nats.Msg{Subject: b.Topic(0), Header: headers[i/each]}))
	}
	publish(t, b, b.Topic(0), numbered(0, 1)...)
	for range each*len(headers) + 1 {
		next(t, messages).Ack()
	}
	acked(t, b)
}

// A worker keeps its pin while the maximum number of messages is in flight, however long they take.
func TestPinIsKept(t *testing.T) {
	t.Parallel()
	o := with(func(o *Options) { o.InFlight, o.lease = 1, 8*time.Second })
	b := openWith(t, natstest.New(t).URL(), o)
	publish(t, b, b.Topic(0), numbered(0, 3)...)
	messages := subscribe(t, b.Subscriber(), b.Topic(0))
	pin := func() string {
		consumer, err := b.js.Consumer(context.Background(), b.options.Stream, b.consumer(0))
		require.NoError(t, err)
		return consumer.CachedInfo().PriorityGroups[0].PinnedClientID
	}
	m := next(t, messages)
	before := pin()
	time.Sleep(2 * o.lease)
	if after := pin(); before == "" || after != before {
		t.Errorf("the pin was %q and is %q", before, after)
	}
	m.Ack()
	next(t, messages).Ack()
}

// Messages arrive in order, and no more than InFlight at once.
func TestOrderAndInFlight(t *testing.T) {
	t.Parallel()
	o := with(func(o *Options) { o.InFlight = 5 })
	b := openWith(t, natstest.New(t).URL(), o)
	publish(t, b, b.Topic(2), numbered(0, 100)...)
	messages := subscribe(t, b.Subscriber(), b.Topic(2))
	var hand []*message.Message
	for i := range 100 {
		if len(hand) == 5 {
			if i%20 == 0 {
				quiet(t, messages, 20*time.Millisecond)
			}
			hand[0].Ack()
			hand = hand[1:]
		}
		m := next(t, messages)
		require.Equal(t, fmt.Sprint(i), string(m.Payload), "message")
		hand = append(hand, m)
	}
}

func TestNackedComesAgain(t *testing.T) {
	t.Parallel()
	b := openWith(t, natstest.New(t).URL(), quick)
	publish(t, b, b.Topic(0), numbered(0, 1)...)
	messages := subscribe(t, b.Subscriber(), b.Topic(0))
	start := time.Now()
	for range 3 {
		m := next(t, messages)
		m.Nack()
		<-m.Context().Done()
	}
	next(t, messages).Ack()
	if took := time.Since(start); took < 350*time.Millisecond || took > patience {
		t.Errorf("three times more after %v, want 50+100+200 ms", took)
	}
	quiet(t, messages, 100*time.Millisecond)
}

func TestBackoff(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tries := rapid.Uint64().Draw(t, "tries")
		d := backoff(tries)
		if d < 50*time.Millisecond || d > 5*time.Second || (tries < ^uint64(0) && backoff(tries+1) < d) {
			t.Fatalf("%v after %d", d, tries)
		}
	})
	if backoff(1) != 50*time.Millisecond || backoff(3) != 200*time.Millisecond || backoff(100) != 5*time.Second {
		t.Error(backoff(1), backoff(3), backoff(100))
	}
}

// Messages that are nacked wait without keeping others from being handled.
func TestNackedDoNotBlock(t *testing.T) {
	t.Parallel()
	o := with(func(o *Options) { o.InFlight = 2 })
	b := openWith(t, natstest.New(t).URL(), o)
	publish(t, b, b.Topic(0), numbered(0, 20)...)
	messages := subscribe(t, b.Subscriber(), b.Topic(0))
	acked := 0
	for acked < 10 {
		m := next(t, messages)
		if len(m.Payload) == 1 { // the first ten
			m.Nack()
			continue
		}
		m.Ack()
		acked++
	}
}

// The worker sends progress signals for a message that takes long, and the server does not redeliver
// it.
func TestLongInHand(t *testing.T) {
	t.Parallel()
	o := with(func(o *Options) { o.ackWait = 6 * time.Second })
	b := openWith(t, natstest.New(t).URL(), o)
	publish(t, b, b.Topic(0), numbered(0, 3)...)
	messages := subscribe(t, b.Subscriber(), b.Topic(0))
	m := next(t, messages)
	time.Sleep(2 * o.ackWait) // the second one has been fetched, too
	m.Ack()
	for i := 1; i < 3; i++ {
		m := next(t, messages)
		assert.Equal(t, fmt.Sprint(i), string(m.Payload), "message")
		m.Ack()
	}
	acked(t, b)
	quiet(t, messages, 100*time.Millisecond)
	lags, err := b.Lag(context.Background())
	if err != nil || lags[0].Redelivered != 0 || lags[0].InFlight != 0 {
		t.Error(lags, err)
	}
}

func TestTooLarge(t *testing.T) {
	b := openWith(t, natstest.New(t, natstest.MaxPayload(100_000)).URL(), quick)
	assert.Equal(t, 100_000-headerRoom, b.MaxMessage())
	publish(t, b, b.Topic(0), message.NewMessage("fits", make([]byte, b.MaxMessage())))
	whole := message.NewMessage("whole", nil)
	for name, m := range map[string]*message.Message{
		"payload":  message.NewMessage("a", make([]byte, 100_000)),
		"metadata": {UUID: "b", Metadata: message.Metadata{"x": strings.Repeat("y", 99_999)}},
		"headers":  {UUID: strings.Repeat("c", 70_000)}, // more than JetStream takes, 64 KiB
	} {
		assert.ErrorIs(t, b.Publisher().Publish(b.Topic(0), whole, m), ErrTooLarge, name)
	}
	if lags, err := b.Lag(context.Background()); err != nil || lags[0].Pending != 1 {
		t.Error("a part of a refused batch is stored: ", lags, err)
	}
}

func TestTopics(t *testing.T) {
	b := openWith(t, natstest.New(t).URL()+"/other_name", quick)
	if b.Topic(3) != "other_name.3" || b.AllTopics() != "other_name.*" || b.Partitions() != 8 {
		t.Error(b.Topic(3), b.AllTopics(), b.Partitions())
	}
	sub := b.Subscriber()
	for _, topic := range []string{"", "quire.1", "other_name", "other_name.", "other_name.x", "other_name.01", "other_name.-1", "other_name.1.2", "other_name.1024", "other_name.99999999999999999999"} {
		_, err := sub.Subscribe(context.Background(), topic)
		assert.ErrorIs(t, err, ErrTopic, "subscribe to %q", topic)
		assert.ErrorIs(t, b.Publisher().Publish(topic, numbered(0, 1)...), ErrTopic, "publish to %q", topic)
	}
	assert.ErrorIs(t, b.Publisher().Publish(b.AllTopics(), numbered(0, 1)...), ErrTopic)
	subscribe(t, sub, b.Topic(1))
	for _, topic := range []string{b.Topic(1), b.AllTopics()} {
		_, err := sub.Subscribe(context.Background(), topic)
		assert.ErrorIs(t, err, ErrSubscribed, "subscribe to %q twice", topic)
	}
	subscribe(t, sub, b.Topic(2))
}

func TestPoison(t *testing.T) {
	t.Parallel()
	b := openWith(t, natstest.New(t).URL(), quick)
	publish(t, b, b.Poison(), numbered(0, 3)...)
	stream, err := b.js.Stream(context.Background(), b.Poison())
	require.NoError(t, err)
	assert.EqualValues(t, 3, stream.CachedInfo().State.Msgs, stream.CachedInfo().State)
	quiet(t, subscribe(t, b.Subscriber(), b.AllTopics()), 300*time.Millisecond)
}

func TestClosed(t *testing.T) {
	b := openWith(t, natstest.New(t).URL(), quick)
	pub, sub := b.Publisher(), b.Subscriber()
	messages := subscribe(t, sub, b.AllTopics())
	pub2, sub2 := b.Publisher(), b.Subscriber()
	require.NoError(t, errors.Join(pub.Close(), pub.Close(), sub.Close(), sub.Close()))
	if _, open := <-messages; open {
		t.Error("the channel is open")
	}
	check := func(pub message.Publisher, sub message.Subscriber) {
		t.Helper()
		assert.ErrorIs(t, pub.Publish(b.Topic(0), numbered(0, 1)...), ErrClosed)
		_, err := sub.Subscribe(context.Background(), b.Topic(0))
		assert.ErrorIs(t, err, ErrClosed)
	}
	check(pub, sub)
	publish(t, b, b.Topic(0), numbered(0, 1)...)
	next(t, subscribe(t, sub2, b.Topic(0))).Ack()
	require.NoError(t, errors.Join(b.Close(), b.Close()))
	check(pub2, sub2)
	check(b.Publisher(), b.Subscriber())
	_, err := b.Lag(context.Background())
	assert.ErrorIs(t, err, ErrClosed)
}

// After a subscription ends, its messages in flight can be handled and acked. If that takes too long,
// their contexts end, and another worker receives them.
func TestEndOfSubscription(t *testing.T) {
	t.Parallel()
	b := openWith(t, natstest.New(t).URL(), with(func(o *Options) { o.drain = 3 * time.Second }))
	publish(t, b, b.Topic(0), numbered(0, 3)...)
	ctx, cancel := context.WithCancel(context.WithValue(context.Background(), key{}, "value"))
	messages, err := b.Subscriber().Subscribe(ctx, b.Topic(0))
	require.NoError(t, err)
	first, second := next(t, messages), next(t, messages)
	if first.Context().Value(key{}) != "value" {
		t.Error("messages do not have the context's values")
	}
	other := subscribe(t, b.Subscriber(), b.Topic(0))
	cancel()
	time.Sleep(100 * time.Millisecond)
	assert.NoError(t, first.Context().Err(), "the context of a message in flight ends at once")
	first.Ack()
	quiet(t, other, 100*time.Millisecond) // another message is still in flight
	select {
	case <-second.Context().Done():
	case <-time.After(patience):
		t.Error("the context of the message is not done")
	}
	for m := range messages {
		t.Errorf("%s came after the end", m.Payload)
	}
	got := map[string]bool{}
	for range 2 {
		m := next(t, other)
		got[string(m.Payload)] = true
		m.Ack()
	}
	if !got["1"] || !got["2"] {
		t.Error(got)
	}
	quiet(t, other, 100*time.Millisecond)
}

type key struct{}

func TestLag(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	b := openWith(t, natstest.New(t).URL(), with(func(o *Options) { o.InFlight, o.Partitions = 4, 3 }))
	publish(t, b, b.Topic(1), numbered(0, 10)...)
	lags, err := b.Lag(ctx)
	if err != nil || len(lags) != 3 || lags[1] != (Lag{Partition: 1, Pending: 10}) {
		t.Fatal(lags, err)
	}
	messages := subscribe(t, b.Subscriber(), b.Topic(1))
	next(t, messages).Ack()
	next(t, messages)
	eventually(t, "one acked and 4 in flight", func() bool {
		lags, err = b.Lag(ctx)
		require.NoError(t, err)
		return lags[1].InFlight == 4 && lags[1].Pending == 5
	})
	assert.Equal(t, 0, lags[1].Redelivered, lags)
}

// Open does not change a stream that this package did not create.
func TestForeign(t *testing.T) {
	server := natstest.New(t)
	conn, err := nats.Connect(server.URL())
	require.NoError(t, err)
	defer conn.Close()
	js, _ := jetstream.New(conn)
	_, err = js.CreateStream(context.Background(), jetstream.StreamConfig{Name: "quire", Subjects: []string{"something"}})
	require.NoError(t, err)
	_, err = Open(context.Background(), server.URL(), quick)
	assert.ErrorIs(t, err, ErrForeign)
	openWith(t, server.URL()+"/mine", quick)
}

func TestPartitionsAndReplicas(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	server := natstest.New(t)
	four := openWith(t, server.URL(), with(func(o *Options) { o.Partitions = 4 }))
	assert.Equal(t, 4, openWith(t, server.URL(), quick).Partitions(), "partitions")
	assert.Equal(t, 6, openWith(t, server.URL(), with(func(o *Options) { o.Partitions = 6 })).Partitions(), "partitions")
	eventually(t, "6 partitions", func() bool { return four.Partitions() == 6 })
	_, err := Open(ctx, server.URL(), with(func(o *Options) { o.Partitions = 5 }))
	assert.ErrorIs(t, err, errFewer)
	_, err = Open(ctx, server.URL(), with(func(o *Options) { o.Replicas = 3 }))
	assert.Error(t, err, "one server keeps three replicas")
}

func TestWrongOptions(t *testing.T) {
	for _, o := range []Options{{Stream: "a.b"}, {Partitions: -1}, {Partitions: 1025}, {Replicas: 6}, {InFlight: -1}} {
		if _, err := Open(context.Background(), "nats://127.0.0.1:1", o); err == nil || errors.Is(err, ErrUnreachable) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

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
		case <-time.After(200 * time.Millisecond): // no more come for now
			require.NotEmpty(t, inHand, "after %d messages no more come", came)
			for _, m := range inHand {
				m.Ack()
			}
			inHand = nil
		}
	}
}
