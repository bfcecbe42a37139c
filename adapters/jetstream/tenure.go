package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// tenure is the time in which a partition is a worker's: it waits for the lease,
// hands out messages as long as it has it, and gives it back.
type tenure struct {
	w         *worker
	s         *subscription
	partition int

	wanted context.Context // ends when the partition is to be given up
	giveUp context.CancelFunc
	free   chan struct{} // the lease may be free

	serving atomic.Bool // with the lease
	reading atomic.Bool // with a consumer that the server has
}

func newTenure(w *worker, s *subscription, partition int) *tenure {
	t := &tenure{w: w, s: s, partition: partition, free: make(chan struct{}, 1)}
	t.wanted, t.giveUp = context.WithCancel(s.open)
	return t
}

func (t *tenure) run() {
	defer t.giveUp()
	for t.wanted.Err() == nil {
		l, err := t.w.take(t.partition)
		if err == nil {
			t.serve(l)
			continue
		}
		if !errors.Is(err, errTaken) {
			t.log().Debug("the lease cannot be taken", "error", err)
		}
		select {
		case <-t.wanted.Done():
		case <-t.free:
		case <-time.After(t.w.b.lease / 10):
		}
	}
}

// serve hands out messages until the partition is not wanted any more or the
// lease is lost. Messages in hand are waited for in both cases; the
// lease is kept as long.
func (t *tenure) serve(l *lease) {
	t.serving.Store(true)
	defer func() {
		t.serving.Store(false)
		l.release()
	}()
	ctx, cancel := context.WithCancel(t.wanted)
	defer cancel()
	defer context.AfterFunc(l.held, cancel)()
	t.log().Info("the partition is this worker's")
	if d, err := newDelivery(t); err != nil { // the connection is closed
		t.log().Warn("the partition cannot be read", "error", err)
	} else {
		d.run(ctx)
	}
	t.log().Info("the partition is given up", "lost", l.held.Err() != nil)
}

// makeConsumer makes the consumer of the partition if there is none. It knows what has
// been acked. The server removes it when no worker has asked for messages for as long as
// the stream keeps them: then it knows of nothing that is still there.
func (t *tenure) makeConsumer(ctx context.Context) error {
	b := t.w.b
	ctx, cancel := context.WithTimeout(ctx, b.lease)
	defer cancel()
	_, err := b.js.CreateOrUpdateConsumer(ctx, b.options.Stream, jetstream.ConsumerConfig{
		Durable: b.consumer(t.partition), FilterSubject: b.Topic(t.partition),
		AckPolicy: jetstream.AckExplicitPolicy, AckWait: b.options.AckWait, MaxDeliver: -1,
		MaxAckPending: waiting * b.options.InFlight, InactiveThreshold: b.maxAge,
	})
	if err != nil {
		return fmt.Errorf("make the consumer %s: %w", b.consumer(t.partition), err)
	}
	return nil
}

// waiting is how many times as many messages as are in hand may be nacked and
// wait for their next delivery, before others have to wait for them.
const waiting = 64

// consumer returns the name of the consumer of a partition.
func (b *Broker) consumer(partition int) string {
	if b.options.Group != "" {
		return fmt.Sprintf("%s-%s-%d", b.options.Stream, b.options.Group, partition)
	}
	return fmt.Sprintf("%s-%d", b.options.Stream, partition)
}

func (t *tenure) log() *slog.Logger {
	return t.w.b.options.Logger.With("partition", t.partition, "worker", t.w.id)
}
