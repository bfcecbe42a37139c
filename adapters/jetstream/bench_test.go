package jetstream

import (
	"context"
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/quire-ci/quire-project/adapters/internal/natstest"
)

var shapes = []struct {
	name        string
	count, size int
}{
	{"160x1MB", 160, 1<<20 - headerRoom},
	{"20000x300B", 20_000, 300},
}

// BenchmarkThrough publishes messages, and then receives and acks them, with
// this package and with the client alone, whose asynchronous publishing and
// prefetching are as fast as it gets.
func BenchmarkThrough(b *testing.B) {
	for _, shape := range shapes {
		payload := make([]byte, shape.size)
		b.Run(shape.name+"/publish", func(b *testing.B) { bench(b, shape.count, shape.size, payload, benchPublish) })
		b.Run(shape.name+"/publish-client", func(b *testing.B) { bench(b, shape.count, shape.size, payload, benchPublishClient) })
		b.Run(shape.name+"/receive", func(b *testing.B) { bench(b, shape.count, shape.size, payload, benchReceive) })
		b.Run(shape.name+"/receive-client", func(b *testing.B) { bench(b, shape.count, shape.size, payload, benchReceiveClient) })
	}
}

func bench(b *testing.B, count, size int, payload []byte, run func(*testing.B, *Broker, int, []byte)) {
	b.SetBytes(int64(count) * int64(size))
	for b.Loop() {
		b.StopTimer()
		server := natstest.New(b)
		broker := openWith(b, server.URL(), Options{Partitions: 1})
		run(b, broker, count, payload)
		b.StopTimer()
		broker.Close()
		server.Stop()
		b.StartTimer()
	}
	b.ReportMetric(float64(count*b.N)/b.Elapsed().Seconds(), "msg/s")
}

func benchPublish(b *testing.B, broker *Broker, count int, payload []byte) {
	messages := make([]*message.Message, count)
	for i := range messages {
		messages[i] = message.NewMessage(fmt.Sprint(i), payload)
	}
	b.StartTimer()
	publish(b, broker, broker.Topic(0), messages...)
}

func benchPublishClient(b *testing.B, broker *Broker, count int, payload []byte) {
	js, err := jetstream.New(broker.conn, jetstream.WithPublishAsyncMaxPending(256))
	if err != nil {
		b.Fatal(err)
	}
	b.StartTimer()
	for i := range count {
		if _, err := js.PublishMsgAsync(&nats.Msg{Subject: broker.Topic(0), Data: payload, Header: nats.Header{"Nats-Msg-Id": {fmt.Sprint(i)}}}, jetstream.WithStallWait(1<<40)); err != nil {
			b.Fatal(err)
		}
	}
	<-js.PublishAsyncComplete()
}

func benchReceive(b *testing.B, broker *Broker, count int, payload []byte) {
	benchPublish(b, broker, count, payload)
	b.StopTimer()
	b.StartTimer()
	messages := subscribe(b, broker.Subscriber(), broker.AllTopics())
	for range count {
		next(b, messages).Ack()
	}
}

func benchReceiveClient(b *testing.B, broker *Broker, count int, payload []byte) {
	benchPublish(b, broker, count, payload)
	b.StopTimer()
	b.StartTimer()
	consumer, err := broker.js.CreateConsumer(context.Background(), "quire", jetstream.ConsumerConfig{Durable: "client", AckPolicy: jetstream.AckExplicitPolicy})
	if err != nil {
		b.Fatal(err)
	}
	done, n := make(chan struct{}), 0
	consuming, err := consumer.Consume(func(m jetstream.Msg) {
		if n++; m.Ack() != nil || n == count {
			close(done)
		}
	})
	if err != nil {
		b.Fatal(err)
	}
	<-done
	consuming.Stop()
}
