package jetstream

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// Replay makes the server deliver all messages that the stream still holds to the workers
// of [Options].Group again. Workers may be running.
func (b *Broker) Replay(ctx context.Context) error {
	for partition := range b.Partitions() {
		// The worker that reads the partition makes the consumer anew.
		err := b.js.DeleteConsumer(ctx, b.options.Stream, b.consumer(partition))
		if err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
			return fmt.Errorf("have %s at %s delivered once more: %w", b.Topic(partition), b, explain(err))
		}
	}
	return nil
}
