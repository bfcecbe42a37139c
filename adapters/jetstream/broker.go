package jetstream

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/semaphore"
)

// Broker is a stream on a NATS server or cluster. It is safe for concurrent use.
type Broker struct {
	target  target
	options Options
	conn    *nats.Conn
	js      jetstream.JetStream
	maxAge  time.Duration       // how long the stream keeps messages; 0 means forever
	window  *semaphore.Weighted // limits the bytes that were sent and are not yet stored

	partitions atomic.Int64

	open  context.Context // ends when the broker is closed
	close context.CancelFunc
	tasks sync.WaitGroup

	mu      sync.Mutex
	workers map[*worker]bool
}

// Open connects to the servers at address, which is a URL such as
// nats://user:password@host:4222/stream, or tls://. It may name several hosts of one cluster,
// separated by commas. Open creates the stream and the poison stream if they do not exist. Neither
// errors nor log records contain a password or token.
//
// Open waits until ctx is done, but at most 15 seconds, for a cluster that has no leader yet. If no
// server can be reached, it returns an error at once.
func Open(ctx context.Context, address string, options Options) (*Broker, error) {
	t, err := parse(address)
	if err != nil {
		return nil, err
	}
	if t.stream != "" {
		options.Stream = t.stream
	}
	options = options.withDefaults()
	if err := options.check(); err != nil {
		return nil, err
	}
	t.stream = options.Stream
	b, err := open(ctx, t, options)
	if err != nil {
		return nil, fmt.Errorf("open the broker at %s: %w", t, explain(err))
	}
	return b, nil
}

func open(ctx context.Context, t target, options Options) (*Broker, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	conn, err := connect(ctx, t, options)
	if err != nil {
		return nil, err
	}
	b := &Broker{
		target: t, options: options, conn: conn, workers: map[*worker]bool{},
		window: semaphore.NewWeighted(windowBytes),
	}
	b.open, b.close = context.WithCancel(context.Background())
	b.js, err = jetstream.New(conn, jetstream.WithPublishAsyncTimeout(5*time.Second), jetstream.WithDefaultTimeout(5*time.Second))
	if err == nil {
		err = b.prepare(ctx)
	}
	if err != nil {
		b.close()
		conn.Close()
		return nil, err
	}
	b.tasks.Go(b.watchPartitions)
	return b, nil
}

// String returns the address without its secrets.
func (b *Broker) String() string { return b.target.String() }

// Partitions returns how many partitions there are. It may grow.
func (b *Broker) Partitions() int { return int(b.partitions.Load()) }

// Topic returns the topic of a partition. Partitions count from 0.
func (b *Broker) Topic(partition int) string {
	return b.options.Stream + "." + strconv.Itoa(partition)
}

// AllTopics returns the topic of all partitions, including those that are added later.
func (b *Broker) AllTopics() string { return b.options.Stream + ".*" }

// Poison returns a topic for messages that cannot be handled. It is a separate stream, which keeps
// messages for 30 days. You cannot subscribe to it.
func (b *Broker) Poison() string { return b.options.Stream + "-poison" }

// partition returns the partition of a topic, or all for AllTopics.
func (b *Broker) partition(topic string) (int, error) {
	name, ok := strings.CutPrefix(topic, b.options.Stream+".")
	if ok && name == "*" {
		return all, nil
	}
	partition, err := strconv.Atoi(name)
	if !ok || err != nil || partition < 0 || partition >= maxPartitions || b.Topic(partition) != topic {
		return 0, fmt.Errorf("%w: %q is not one like %q", ErrTopic, topic, b.Topic(0))
	}
	return partition, nil
}

// all stands for all partitions.
const all = -1

// headerRoom is reserved for the UUID and metadata of a message.
const headerRoom = 4 << 10

// MaxMessage returns the maximum size of a message's payload if its UUID and metadata have no more
// than a few thousand bytes.
func (b *Broker) MaxMessage() int { return max(0, int(b.conn.MaxPayload())-headerRoom) }

// Subscriber returns a new worker. It reads different partitions than the other workers of its group.
func (b *Broker) Subscriber() message.Subscriber {
	w := newWorker(b)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.workers == nil { // the broker is closed, and so is the worker
		w.closed = true
		return w
	}
	b.workers[w] = true
	return w
}

// Ready returns [ErrNotReady] until the subscribers read all partitions of this process.
func (b *Broker) Ready() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for w := range b.workers {
		if err := w.ready(); err != nil {
			return err
		}
	}
	return nil
}

// Close closes all subscribers, like their own Close, and then the connection. A Publish that still
// waits for the server fails.
func (b *Broker) Close() error {
	b.mu.Lock()
	workers := b.workers
	b.workers = nil
	b.mu.Unlock()
	var closing sync.WaitGroup
	for w := range workers {
		closing.Go(func() { _ = w.Close() })
	}
	closing.Wait()
	b.close()
	b.tasks.Wait()
	b.conn.Close()
	return nil
}
