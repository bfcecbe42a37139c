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

// Metadata keys that mark a stream as created by this package, and hold its number of partitions.
const (
	ownKey        = "quire-project"
	ownValue      = "1"
	partitionsKey = "quire-project-partitions"
)

// duplicates is how long the server remembers the UUID of a message.
const duplicates = 2 * time.Minute

const defaultPartitions = 8

// errFewer reports that partitions cannot be removed.
var errFewer error = wrongError("the number of partitions cannot be lowered, as no worker would read the messages in the others; leave the number out, or use another stream")

// prepare creates missing streams. It retries while a cluster has no leader.
func (b *Broker) prepare(ctx context.Context) error {
	for {
		err := b.ensure(ctx)
		if err == nil || permanent(err) {
			return err
		}
		if errors.Is(err, nats.ErrNoResponders) { // not even a server that waits for a leader answers
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

// ensurePoison creates the poison stream, even if it was deleted while the broker is open, because it
// contains no part of the record. The stream itself is created only when a broker is opened, so that a
// loss of segments is noticed.
func (b *Broker) ensurePoison(ctx context.Context) error {
	_, err := b.ensureStream(ctx, jetstream.StreamConfig{
		Name: b.Poison(), Subjects: []string{b.Poison()}, MaxAge: 30 * 24 * time.Hour, Metadata: map[string]string{},
	})
	if err != nil {
		return fmt.Errorf("stream %s: %w", b.Poison(), err)
	}
	return nil
}

// ensureStream creates a stream if it does not exist, and returns its configuration.
func (b *Broker) ensureStream(ctx context.Context, config jetstream.StreamConfig) (jetstream.StreamConfig, error) {
	stream, err := b.js.Stream(ctx, config.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		config.Duplicates = min(duplicates, config.MaxAge)
		config.Replicas = max(1, b.options.Replicas)
		config.Metadata[ownKey] = ownValue
		if b.Partitions() > 0 {
			b.options.Logger.Warn("the server no longer has the stream; it is created again, and its messages are lost", "name", config.Name)
		}
		stream, err = b.js.CreateStream(ctx, config)
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // another client has created it
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

// setPartitions reads the number of partitions from a stream, or raises it.
func (b *Broker) setPartitions(ctx context.Context, config jetstream.StreamConfig) error {
	partitions, err := strconv.Atoi(config.Metadata[partitionsKey])
	if err != nil || partitions < 1 || partitions > maxPartitions {
		return fmt.Errorf("%w: its number of partitions is %q", ErrForeign, config.Metadata[partitionsKey])
	}
	want := cmp.Or(b.options.Partitions, partitions)
	if want < partitions {
		return fmt.Errorf("%w: there are %d, and you asked for %d", errFewer, partitions, want)
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

// watchPartitions checks every second whether the number was raised. It raises the number again if
// another program has lowered it: when two programs change the stream at the same moment, the later
// one undoes the other's change.
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
			_, _ = b.js.UpdateStream(b.open, config) // if this fails, it is retried
		}
	}
}
