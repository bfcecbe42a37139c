package broker

import (
	"context"
	"errors"
	"log/slog"

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
		poisoned := msg.Copy()
		poisoned.SetContext(ctx)
		if err := p.Publisher.Publish(topic, poisoned); err != nil {
			return err
		}
		p.options.Meter.Poisoned()
		p.options.Logger.Warn("a message that is no segment has gone to the poison topic",
			slog.String("message_uuid", printable.Name(msg.UUID)), slog.String("reason", msg.Metadata.Get(middleware.ReasonForPoisonedKey)))
	}
	return nil
}
