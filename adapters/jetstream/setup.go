package jetstream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The metadata of a stream say that it is this package's, and how many
// partitions it has.
const (
	ownKey        = "quire-project"
	ownValue      = "1"
	partitionsKey = "quire-project-partitions"
)

// duplicates is for how long the server knows a message by its UUID.
const duplicates = 2 * time.Minute

const defaultPartitions = 8

// errFewer says that partitions cannot be removed.
var errFewer error = wrongError("the number of partitions cannot be lowered, as no worker would read the messages in the others; leave the number out, or use another stream")

// prepare makes the streams that are missing. It retries while a cluster has no leader.
func (b *Broker) prepare(ctx context.Context) error {
	for {
		err := b.ensure(ctx)
		if err == nil || permanent(err) {
			return err
		}
		if errors.Is(err, nats.ErrNoResponders) { // not even one that waits for a leader
			return fmt.Errorf("%w: %w", ErrNoJetStream, err)
		}
		if sleep(ctx, 200*time.Millisecond) != nil {
			return fmt.Errorf("%w in time, or the cluster has no leader: %w", ErrUnreachable, err)
		}
	}
}

func (b *Broker) ensure(ctx context.Context) error {
	name := b.options.Stream
	config, err := b.ensureStream(ctx, jetstream.StreamConfig{
		Name: name, Subjects: []string{b.AllTopics()}, MaxAge: b.options.maxAge,
		Metadata: map[string]string{partitionsKey: strconv.Itoa(cmp.Or(b.options.Partitions, defaultPartitions))},
	})
	if err != nil {
		return fmt.Errorf("stream %s: %w", name, err)
	}
	if err := b.ensurePoison(ctx); err != nil {
		return err
	}
	b.maxAge = config.MaxAge
	if err := b.setPartitions(ctx, config); err != nil {
		return fmt.Errorf("stream %s: %w", name, err)
	}
	return nil
}

// ensurePoison makes the poison stream, also if it was deleted while the broker is open: it holds no
// part of the record. The stream itself is made only when a broker is opened, so that lost segments are
// noticed.
func (b *Broker) ensurePoison(ctx context.Context) error {
	_, err := b.ensureStream(ctx, jetstream.StreamConfig{
		Name: b.Poison(), Subjects: []string{b.Poison()}, MaxAge: 30 * 24 * time.Hour, Metadata: map[string]string{},
	})
	if err != nil {
		return fmt.Errorf("stream %s: %w", b.Poison(), err)
	}
	return nil
}

// ensureStream makes a stream if it does not exist, and returns its configuration.
func (b *Broker) ensureStream(ctx context.Context, config jetstream.StreamConfig) (jetstream.StreamConfig, error) {
	stream, err := b.js.Stream(ctx, config.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		config.Duplicates = min(duplicates, config.MaxAge)
		config.Replicas = max(1, b.options.Replicas)
		config.Metadata[ownKey] = ownValue
		if b.Partitions() > 0 {
			b.options.Logger.Warn("the server no longer has the stream; it is made again, and what was in it is lost", "name", config.Name)
		}
		stream, err = b.js.CreateStream(ctx, config)
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // somebody was faster
			stream, err = b.js.Stream(ctx, config.Name)
		}
	}
	if err != nil {
		return config, err
	}
	found := stream.CachedInfo().Config
	if found.Metadata[ownKey] != ownValue {
		return config, ErrForeign
	}
	if want := b.options.Replicas; want != 0 && want != found.Replicas {
		found.Replicas = want
		stream, err = b.js.UpdateStream(ctx, found)
		if err != nil {
			return config, err
		}
	}
	return stream.CachedInfo().Config, nil
}

// setPartitions takes the number of partitions from a stream, or raises it.
func (b *Broker) setPartitions(ctx context.Context, config jetstream.StreamConfig) error {
	partitions, err := strconv.Atoi(config.Metadata[partitionsKey])
	if err != nil || partitions < 1 || partitions > maxPartitions {
		return fmt.Errorf("%w: its number of partitions is %q", ErrForeign, config.Metadata[partitionsKey])
	}
	want := cmp.Or(b.options.Partitions, partitions)
	if want < partitions {
		return fmt.Errorf("%w: there are %d, and %d are asked for", errFewer, partitions, want)
	}
	if want > partitions {
		config.Metadata[partitionsKey] = strconv.Itoa(want)
		if _, err := b.js.UpdateStream(ctx, config); err != nil {
			return err
		}
	}
	b.partitions.Store(int64(want))
	return nil
}

// watchPartitions checks every second whether the number was raised. It
// raises one that is too low: of two programs that change the stream at the same moment,
// the later one undoes the change of the other one.
func (b *Broker) watchPartitions() {
	for sleep(b.open, time.Second) == nil {
		stream, err := b.js.Stream(b.open, b.options.Stream)
		if err != nil {
			continue
		}
		config := stream.CachedInfo().Config
		partitions, err := strconv.Atoi(config.Metadata[partitionsKey])
		switch known := b.Partitions(); {
		case err != nil || partitions < 1 || partitions > maxPartitions:
		case partitions > known:
			b.options.Logger.Info("partitions were added", "partitions", partitions)
			b.partitions.Store(int64(partitions))
		case partitions < known:
			config.Metadata[partitionsKey] = strconv.Itoa(known)
			_, _ = b.js.UpdateStream(b.open, config) // where this fails, it is tried again
		}
	}
}
