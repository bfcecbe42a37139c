package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/nats-io/nats.go/jetstream"
)

// assignment is a partition that this worker reads. The worker asks the server for
// messages; the server delivers them to the one worker that the partition's consumer is
// pinned to.
type assignment struct {
	w         *worker
	s         *subscription
	partition int

	ctx     context.Context // ends when the partition is released
	release context.CancelFunc

	pinned  atomic.Bool // the server has pinned the consumer to this worker
	reading atomic.Bool // the consumer exists, and the server is asked for messages
}

func newAssignment(w *worker, s *subscription, partition int) *assignment {
	a := &assignment{w: w, s: s, partition: partition}
	a.ctx, a.release = context.WithCancel(s.open)
	return a
}

// run reads the partition until it is released.
func (a *assignment) run() {
	defer a.release()
	a.log().Info("partition acquired")
	defer a.log().Info("partition released")
	d, err := newDelivery(a)
	if err != nil { // the connection is closed
		a.log().Warn("the partition cannot be read", "error", err)
		<-a.ctx.Done()
		return
	}
	d.run(a.ctx)
}

// pinGroup is the priority group of each consumer. The server pins one worker in it.
const pinGroup = "worker"

// errNoPins says that the server ignores the settings that pin a consumer to a worker.
var errNoPins = errors.New("the server cannot pin a consumer to one worker; run nats-server 2.11 or newer")

// makeConsumer creates the partition's consumer if there is none. The consumer records which messages
// were acked. The server removes it when no worker has requested messages for as long as the stream
// keeps them: by then, none of the messages that the consumer knows exists.
func (a *assignment) makeConsumer(ctx context.Context) error {
	b := a.w.b
	ctx, cancel := context.WithTimeout(ctx, b.options.lease)
	defer cancel()
	consumer, err := b.js.CreateOrUpdateConsumer(ctx, b.options.Stream, jetstream.ConsumerConfig{
		Durable: b.consumer(a.partition), FilterSubject: b.Topic(a.partition),
		AckPolicy: jetstream.AckExplicitPolicy, AckWait: b.options.ackWait, MaxDeliver: -1,
		MaxAckPending: waiting * b.options.InFlight, InactiveThreshold: b.maxAge,
		PriorityPolicy: jetstream.PriorityPolicyPinned, PriorityGroups: []string{pinGroup}, PinnedTTL: b.options.lease,
	})
	if err == nil && consumer.CachedInfo().Config.PriorityPolicy != jetstream.PriorityPolicyPinned {
		err = errNoPins
	}
	if err != nil {
		return fmt.Errorf("make the consumer %s: %w", b.consumer(a.partition), err)
	}
	return nil
}

// waiting limits the messages that were nacked and wait for redelivery, as a multiple of the messages
// in flight. Above this limit, other messages wait.
const waiting = 64

// consumer returns the name of the consumer of a partition.
func (b *Broker) consumer(partition int) string {
	if b.options.Group != "" {
		return fmt.Sprintf("%s-%s-%d", b.options.Stream, b.options.Group, partition)
	}
	return fmt.Sprintf("%s-%d", b.options.Stream, partition)
}

func (a *assignment) log() *slog.Logger {
	return a.w.b.options.Logger.With("partition", a.partition, "worker", a.w.id)
}
