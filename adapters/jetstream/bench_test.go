package jetstream

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/quire-ci/quire-project/adapters/broker"
	"github.com/quire-ci/quire-project/adapters/jetstream/natstest"
	"github.com/quire-ci/quire-project/domain"
)

// shapes are the segments of a stream of 162 MB, and those of runs that grow.
var shapes = []struct {
	name        string
	count, size int
}{
	{"155x1MB", 155, broker.DefaultSegmentBytes},
	{"20000x300B", 20_000, 300},
}

// BenchmarkThrough publishes messages, or receives and acks them, with this package
// and, as a yardstick, with the client alone: asynchronous publishing and a pull
// consumer that prefetches as many. The two take turns, so that whatever else the
// machine does is the same for both; x-client is how many times as long this
// package takes, as the median of all turns.
func BenchmarkThrough(b *testing.B) {
	for _, shape := range shapes {
		b.Run(shape.name+"/publish", func(b *testing.B) { compare(b, shape.count, shape.size, benchPublish, benchPublishClient) })
		b.Run(shape.name+"/receive", func(b *testing.B) { compare(b, shape.count, shape.size, benchReceive, benchReceiveClient) })
	}
}

// measure does something with a stream of one partition, and says how long the part
// of it took that is to be measured.
type measure func(*testing.B, *Broker, [][]byte) time.Duration

func compare(b *testing.B, count, size int, own, client measure) {
	payloads := slices.Repeat([][]byte{make([]byte, size)}, count)
	once := func(run measure) float64 {
		server := natstest.New(b)
		broker := openWith(b, server.URL(), Options{Partitions: 1})
		defer server.Stop()
		defer broker.Close()
		return run(b, broker, payloads).Seconds()
	}
	var took, yardstick, ratio []float64
	for b.Loop() {
		took, yardstick = append(took, once(own)), append(yardstick, once(client))
		ratio = append(ratio, took[len(took)-1]/yardstick[len(yardstick)-1])
	}
	b.ReportMetric(float64(count)/median(took), "msg/s")
	b.ReportMetric(float64(count*size)/median(took)/1e6, "MB/s")
	b.ReportMetric(float64(count*size)/median(yardstick)/1e6, "client-MB/s")
	b.ReportMetric(median(ratio), "x-client")
	b.ReportMetric(0, "ns/op") // it says nothing
}

func median(all []float64) float64 {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}

func benchPublish(b *testing.B, broker *Broker, payloads [][]byte) time.Duration {
	messages := make([]*message.Message, len(payloads))
	for i, payload := range payloads {
		messages[i] = message.NewMessage(fmt.Sprint(i), payload)
	}
	start := time.Now()
	publish(b, broker, broker.Topic(0), messages...)
	return time.Since(start)
}

func benchPublishClient(b *testing.B, broker *Broker, payloads [][]byte) time.Duration {
	js, err := jetstream.New(broker.conn, jetstream.WithPublishAsyncMaxPending(256))
	if err != nil {
		b.Fatal(err)
	}
	start := time.Now()
	for i, payload := range payloads {
		if _, err := js.PublishMsgAsync(&nats.Msg{Subject: broker.Topic(0), Data: payload, Header: nats.Header{"Nats-Msg-Id": {fmt.Sprint(i)}}}, jetstream.WithStallWait(1<<40)); err != nil {
			b.Fatal(err)
		}
	}
	<-js.PublishAsyncComplete()
	return time.Since(start)
}

// Receiving begins with all hands full, and what is to be measured waits at
// the server.
func benchReceive(b *testing.B, broker *Broker, payloads [][]byte) time.Duration {
	hands := make([]*message.Message, broker.options.InFlight)
	publish(b, broker, broker.Topic(0), numbered(-len(hands), len(hands))...)
	messages := subscribe(b, broker.Subscriber(), broker.AllTopics())
	for i := range hands {
		hands[i] = next(b, messages)
	}
	benchPublish(b, broker, payloads)
	start := time.Now()
	for _, m := range hands {
		m.Ack()
	}
	for range payloads {
		next(b, messages).Ack()
	}
	return time.Since(start)
}

func benchReceiveClient(b *testing.B, broker *Broker, payloads [][]byte) time.Duration {
	hands := broker.options.InFlight
	publish(b, broker, broker.Topic(0), numbered(-hands, hands)...)
	consumer, err := broker.js.CreateConsumer(context.Background(), "quire", jetstream.ConsumerConfig{Durable: "client", AckPolicy: jetstream.AckExplicitPolicy})
	if err != nil {
		b.Fatal(err)
	}
	begun, begin, done, n := make(chan struct{}), make(chan struct{}), make(chan struct{}), 0
	consuming, err := consumer.Consume(func(m jetstream.Msg) {
		if n++; n == 1 {
			close(begun)
			<-begin
		}
		if m.Ack() != nil || n == hands+len(payloads) {
			close(done)
		}
	}, jetstream.PullMaxMessages(hands))
	if err != nil {
		b.Fatal(err)
	}
	<-begun
	benchPublish(b, broker, payloads)
	start := time.Now()
	close(begin)
	<-done
	took := time.Since(start)
	consuming.Stop()
	return took
}

// BenchmarkLive is the time from publishing a line to the handler being called with it, a line at a time, through a server, and through three that
// keep everything together.
func BenchmarkLive(b *testing.B) {
	b.Run("1 server", func(b *testing.B) { benchLive(b, natstest.New(b).URL(), Options{}) })
	b.Run("3 servers", func(b *testing.B) { benchLive(b, natstest.NewCluster(b).URL(), Options{Replicas: 3}) })
}

func benchLive(b *testing.B, address string, options Options) {
	ctx := context.Background()
	in, out := openWith(b, address, options), openWith(b, address, options)
	called := make(chan time.Time, 1)
	router, err := broker.NewRouter(out.Subscriber(), out.Publisher(), []string{out.AllTopics()}, out.Poison(), projectorFunc(func(context.Context, domain.Segment) error {
		called <- time.Now()
		return nil
	}), broker.Options{})
	if err != nil {
		b.Fatal(err)
	}
	go router.Run(ctx)
	defer router.Close()
	publisher := broker.NewPublisher(in.Publisher(), in, broker.PublishOptions{})
	line := []byte(`{"at_ms":100,"type":"sh_started","job_id":"build","cmd":"go test ./..."}` + "\n")
	offset := int64(0)
	add := func() time.Duration {
		start := time.Now()
		if _, err := publisher.Publish(ctx, domain.Segment{Run: "a run", Offset: offset, Data: line}); err != nil {
			b.Fatal(err)
		}
		offset += int64(len(line))
		select {
		case at := <-called:
			return at.Sub(start)
		case <-time.After(patience):
			b.Fatal("it does not come")
		}
		return 0
	}
	add() // the worker takes its partitions
	var took []time.Duration
	for b.Loop() {
		took = append(took, add())
	}
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2].Seconds()*1000, "median-ms")
	b.ReportMetric(took[len(took)*99/100].Seconds()*1000, "p99-ms")
}

// projectorFunc is a projector that is a function.
type projectorFunc func(context.Context, domain.Segment) error

func (f projectorFunc) Apply(ctx context.Context, segment domain.Segment) error {
	return f(ctx, segment)
}
