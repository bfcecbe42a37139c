package broker

import (
	"context"
	"errors"
	"log/slog"
	"strconv"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"

	"github.com/quire-ci/quire-project/adapters/internal/printable"
)

// poisonQueue sends messages that are no segments to a topic of their own. All
// other errors pass it.
func poisonQueue(out message.Publisher, topic string, options Options) (message.HandlerMiddleware, error) {
	queue, err := middleware.PoisonQueueWithFilter(poisonPublisher{out, options}, topic, isNotSegment)
	if err != nil {
		return nil, err
	}
	return func(h message.HandlerFunc) message.HandlerFunc {
		h = queue(h)
		return func(msg *message.Message) ([]*message.Message, error) {
			if msg.Metadata == nil { // it would write the reason there, and panic
				msg.Metadata = message.Metadata{}
			}
			return h(msg)
		}
	}, nil
}

func isNotSegment(err error) bool {
	var not *NotSegmentError
	return errors.As(err, &not)
}

// poisonPublisher publishes copies of messages, with a context of their own: that
// of the message at hand has ended with the last try to handle it.
type poisonPublisher struct {
	message.Publisher
	options Options
}

func (p poisonPublisher) Publish(topic string, messages ...*message.Message) error {
	for _, msg := range messages {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(msg.Context()), p.options.Grace)
		defer cancel()
		if err := p.publish(ctx, topic, msg); err != nil {
			return err
		}
		p.options.Meter.Poisoned()
		p.options.Logger.Warn("a message that is no segment has gone to the poison topic",
			slog.String("message_uuid", printable.Name(msg.UUID)), slog.String("reason", msg.Metadata.Get(middleware.ReasonForPoisonedKey)))
	}
	return nil
}

// publish publishes a copy of a message. What was added to it may be too much for the
// broker, which would send the message again for as long as it has it: then the end of
// the payload is left out, which is no segment anyway.
func (p poisonPublisher) publish(ctx context.Context, topic string, msg *message.Message) error {
	whole := msg.Copy()
	whole.SetContext(ctx)
	err := p.Publisher.Publish(topic, whole)
	if err == nil || ctx.Err() != nil || len(msg.Payload) < largePoison {
		return err
	}
	cut := msg.Copy()
	cut.SetContext(ctx)
	cut.Payload = cut.Payload[:len(cut.Payload)/2]
	cut.Metadata.Set(CutKey, strconv.Itoa(len(msg.Payload)))
	if p.Publisher.Publish(topic, cut) != nil {
		return err
	}
	return nil
}

// largePoison is how large a payload is, in bytes, that may be too large with what is
// added to it.
const largePoison = 16 << 10

// CutKey is in the metadata of a message of the poison topic of which the broker did not
// take the whole: how many bytes its payload had.
const CutKey = "quire_cut_from"
