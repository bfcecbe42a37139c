package jetstream

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// Lag is how far the workers are behind in a partition.
type Lag struct {
	Partition int
	// Pending counts the messages that have not been delivered yet.
	Pending uint64
	// InFlight counts the messages that were delivered and not acked, including those that were nacked
	// and wait for redelivery. Redelivered counts those among them that were delivered more than once.
	InFlight, Redelivered int
	// Done is the stream sequence up to which all messages of the partition have been acked.
	Done uint64
}

// Lag returns the lag of each partition for the workers of [Options].Group.
func (b *Broker) Lag(ctx context.Context) ([]Lag, error) {
	lags := make([]Lag, b.Partitions())
	for partition := range lags {
		var err error
		if lags[partition], err = b.lag(ctx, partition); err != nil {
			return nil, fmt.Errorf("the lag of %s at %s: %w", b.Topic(partition), b, explain(err))
		}
	}
	return lags, nil
}

func (b *Broker) lag(ctx context.Context, partition int) (Lag, error) {
	lag := Lag{Partition: partition}
	consumer, err := b.js.Consumer(ctx, b.options.Stream, b.consumer(partition))
	if errors.Is(err, jetstream.ErrConsumerNotFound) { // no worker has read it yet
		lag.Pending, err = b.stored(ctx, partition)
		return lag, err
	}
	if err != nil {
		return lag, err
	}
	info := consumer.CachedInfo()
	lag.Pending, lag.InFlight, lag.Redelivered = info.NumPending, info.NumAckPending, info.NumRedelivered
	lag.Done = info.AckFloor.Stream
	return lag, nil
}

// stored counts the messages of a partition that are in the stream.
func (b *Broker) stored(ctx context.Context, partition int) (uint64, error) {
	stream, err := b.js.Stream(ctx, b.options.Stream)
	if err != nil {
		return 0, err
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(b.Topic(partition)))
	if err != nil {
		return 0, err
	}
	return info.State.Subjects[b.Topic(partition)], nil
}

// Replay makes the server deliver all messages that the stream still holds to the workers
// of [Options].Group again. Workers may be running.
func (b *Broker) Replay(ctx context.Context) error {
	for partition := range b.Partitions() {
		// The worker that reads the partition creates the consumer again.
		err := b.js.DeleteConsumer(ctx, b.options.Stream, b.consumer(partition))
		if err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
			return fmt.Errorf("ask for a second delivery of %s at %s: %w", b.Topic(partition), b, explain(err))
		}
	}
	return nil
}
