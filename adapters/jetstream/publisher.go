package jetstream

import (
	"context"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Publisher returns a publisher for the topics of partitions and for [Broker.Poison].
//
// Publish sends messages without waiting for each answer, and returns when the server has stored all
// of them. While the connection is lost or a cluster has no leader, it retries until the context of
// one of the messages is done, or for half a minute. When it fails, some of the messages may have been
// stored, unless the error is [ErrTooLarge]: then nothing was sent. It is safe to publish them again:
// for two minutes, the server drops a message whose UUID it has already stored in the same topic.
func (b *Broker) Publisher() message.Publisher { return &publisher{broker: b} }

type publisher struct {
	broker *Broker
	closed atomic.Bool
}

// Close closes the publisher. Nothing is left to send.
func (p *publisher) Close() error {
	p.closed.Store(true)
	return nil
}

func (p *publisher) Publish(topic string, messages ...*message.Message) error {
	b := p.broker
	if p.closed.Load() || b.open.Err() != nil {
		return fmt.Errorf("publish to %s: %w", topic, ErrClosed)
	}
	if partition, err := b.partition(topic); topic != b.Poison() && (err != nil || partition == all) {
		return fmt.Errorf("publish: %w: %q", ErrTopic, topic)
	}
	left := make([]*nats.Msg, len(messages))
	for i, m := range messages {
		left[i] = encode(topic, m)
		if err := b.checkSize(left[i]); err != nil {
			return fmt.Errorf("publish to %s: message %d of %d: %w", topic, i+1, len(messages), err)
		}
	}
	ctx, cancel := b.publishContext(messages)
	defer cancel()
	if left, err := b.publish(ctx, left); err != nil {
		return fmt.Errorf("publish to %s: %d of %d messages are not known to be stored: %w", topic, len(left), len(messages), err)
	}
	return nil
}

// checkSize returns an error for a message that the server would refuse, so that nothing of its batch
// is sent. Headers count, and have a separate limit.
func (b *Broker) checkSize(m *nats.Msg) error {
	whole := m.Size() - len(m.Subject)
	if most := int(b.conn.MaxPayload()); whole > most {
		return fmt.Errorf("%w: %d bytes with its metadata, of %d", ErrTooLarge, whole, most)
	}
	if headers := whole - len(m.Data); headers > math.MaxUint16 {
		return fmt.Errorf("%w: %d bytes of metadata, of %d", ErrTooLarge, headers, math.MaxUint16)
	}
	return nil
}

// publishContext returns a context that ends with the context of any of the messages, or after half a
// minute.
func (b *Broker) publishContext(messages []*message.Message) (context.Context, context.CancelFunc) {
	ctx, cancelCause := context.WithCancelCause(b.open)
	ctx, cancel := context.WithTimeout(ctx, b.options.publishTimeout)
	stops := []func() bool{}
	for _, m := range messages {
		if of := m.Context(); of.Done() != nil {
			stops = append(stops, context.AfterFunc(of, func() { cancelCause(context.Cause(of)) }))
		}
	}
	return ctx, func() {
		for _, stop := range stops {
			stop()
		}
		cancel()
		cancelCause(nil)
	}
}

// publish sends messages until all are stored. It returns the messages that may not be stored, and the
// error.
func (b *Broker) publish(ctx context.Context, left []*nats.Msg) ([]*nats.Msg, error) {
	wait := 50 * time.Millisecond
	for {
		var err error
		before := len(left)
		if left, err = b.send(ctx, left); err == nil {
			return nil, nil
		}
		if ctx.Err() != nil {
			return left, b.gaveUp(ctx, err)
		}
		if permanent(err) {
			return left, explain(err)
		}
		if isMissing(err) && left[0].Subject == b.Poison() {
			_ = b.ensurePoison(ctx) // unlike the stream itself, it contains no part of the record
		}
		if len(left) < before {
			wait = 50 * time.Millisecond
		}
		if sleep(ctx, wait) != nil {
			return left, b.gaveUp(ctx, err)
		}
		wait = min(2*wait, 2*time.Second)
	}
}

// gaveUp returns the reason to stop retrying, together with the latest attempt's error.
func (b *Broker) gaveUp(ctx context.Context, latest error) error {
	if b.open.Err() != nil {
		return ErrClosed
	}
	return fmt.Errorf("gave up: %w; the latest error: %w", context.Cause(ctx), explain(latest))
}

// sending is a message that the server has not yet answered.
type sending struct {
	message *nats.Msg
	future  jetstream.PubAckFuture
}

// send sends messages up to the first that fails, waits for the server's
// answers, and returns the messages that may not be stored.
func (b *Broker) send(ctx context.Context, messages []*nats.Msg) (left []*nats.Msg, err error) {
	sent := make(chan sending, len(messages))
	answered := make(chan struct{})
	var failed atomic.Bool
	go func() {
		defer close(answered)
		for s := range sent {
			if wrong := stored(ctx, s.future); wrong != nil {
				failed.Store(true)
				left, err = append(left, s.message), wrong
			}
			b.window.Release(weight(s.message))
		}
	}()
	unsent, wrong := messages, error(nil)
	for len(unsent) > 0 && !failed.Load() {
		var future jetstream.PubAckFuture
		if future, wrong = b.sendOne(ctx, unsent[0]); wrong != nil {
			break
		}
		sent <- sending{unsent[0], future}
		unsent = unsent[1:]
	}
	close(sent)
	<-answered
	if wrong != nil {
		err = wrong
	}
	return append(left, unsent...), err
}

func (b *Broker) sendOne(ctx context.Context, m *nats.Msg) (jetstream.PubAckFuture, error) {
	if b.window.Acquire(ctx, weight(m)) != nil {
		return nil, context.Cause(ctx)
	}
	future, err := b.js.PublishMsgAsync(m, jetstream.WithRetryAttempts(0))
	if err != nil {
		b.window.Release(weight(m))
	}
	return future, err
}

// windowBytes limits the bytes that are sent but not yet stored, since a server drops messages that
// arrive faster than it can write. At most 256 messages are in the window.
const windowBytes = 16 << 20

// weight returns a message's share of the window. A message that is larger than the window is sent
// alone.
func weight(m *nats.Msg) int64 { return min(max(int64(m.Size()), windowBytes/256), windowBytes) }

func stored(ctx context.Context, future jetstream.PubAckFuture) error {
	select {
	case <-future.Ok():
		return nil
	case err := <-future.Err():
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
