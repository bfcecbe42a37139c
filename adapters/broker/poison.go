package broker

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"

	"github.com/quire-ci/quire-project/adapters/internal/printable"
	"github.com/quire-ci/quire-project/adapters/internal/throttle"
)

// poisonQueue publishes messages that are not segments to a topic of their own, and logs those that the
// topic does not take. In both cases the message is acknowledged, so that it does not hold
// up segments. Watermill's own middleware does not acknowledge a message that the topic does not take, and
// writes into it.
type poisonQueue struct {
	out     message.Publisher
	topic   string
	options Options
	logged  throttle.Texts
	pause   atomic.Int64 // the end of the pause, in Unix nanoseconds
}

const (
	// poisonTimeout is how long publishing a message may take.
	poisonTimeout = 3 * time.Second
	// poisonPause is how long the queue publishes nothing after a timeout: thousands of messages may
	// be waiting.
	poisonPause = 10 * time.Second
)

// middleware handles a [*NotSegmentError], and returns all other errors.
func (q *poisonQueue) middleware(h message.HandlerFunc) message.HandlerFunc {
	return func(msg *message.Message) ([]*message.Message, error) {
		produced, err := h(msg)
		if not, ok := errors.AsType[*NotSegmentError](err); ok {
			q.publish(msg, not)
			return nil, nil
		}
		return produced, err
	}
}

func (q *poisonQueue) publish(msg *message.Message, not *NotSegmentError) {
	err := q.keep(msg, not)
	q.options.Meter.Poisoned()
	switch {
	case err != nil:
		q.options.Logger.Error("a message that is not a segment could not be published to the poison topic, and is lost",
			slog.String("message_uuid", short(msg.UUID)), slog.String("reason", not.Reason), slog.Int("bytes", len(msg.Payload)),
			slog.String("error", printable.Line(err.Error())))
	case q.logged.Allow(not.Reason):
		q.options.Logger.Warn("a message that is not a segment was published to the poison topic; others with this reason are not logged for a minute",
			slog.String("message_uuid", short(msg.UUID)), slog.String("reason", not.Reason))
	}
}

// errPoisonPaused reports that a message was not published.
var errPoisonPaused = errors.New("the poison topic did not take an earlier message in time")

// keep publishes a copy of a message, with its own context, because that of the message has ended
// with the last attempt. With the metadata that it adds, the copy may be larger than the broker
// accepts: then keep publishes a shortened one.
func (q *poisonQueue) keep(msg *message.Message, not *NotSegmentError) error {
	if time.Now().UnixNano() < q.pause.Load() {
		return errPoisonPaused
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(msg.Context()), poisonTimeout)
	defer cancel()
	publish := func(m *message.Message) error {
		m.Metadata[middleware.ReasonForPoisonedKey] = not.Error()
		m.Metadata[middleware.PoisonedTopicKey] = message.SubscribeTopicFromCtx(msg.Context())
		m.Metadata[middleware.PoisonedHandlerKey] = message.HandlerNameFromCtx(msg.Context())
		m.SetContext(ctx)
		return q.out.Publish(q.topic, m)
	}
	err := publish(msg.Copy())
	if err != nil && ctx.Err() == nil {
		err = publish(shortened(msg))
	}
	if ctx.Err() != nil {
		q.pause.Store(time.Now().Add(poisonPause).UnixNano())
	}
	return err
}

// shortened returns a part of a message: its short metadata, and half of a long payload.
func shortened(msg *message.Message) *message.Message {
	part := message.NewMessage(msg.UUID, msg.Payload)
	if len(part.UUID) > shortText {
		part.UUID = "" // another message may begin in the same way
	}
	if len(part.Payload) >= largePoison {
		part.Payload = part.Payload[:len(part.Payload)/2]
	}
	for _, key := range slices.Sorted(maps.Keys(msg.Metadata)) {
		if value := msg.Metadata[key]; len(part.Metadata) < mostKept && len(key)+len(value) <= shortText {
			part.Metadata[key] = value
		}
	}
	part.Metadata[CutKey] = strconv.Itoa(len(msg.Payload))
	return part
}

// short returns the beginning of an untrusted text, in a form that is safe to log.
func short(text string) string {
	if len(text) > shortText {
		text = text[:shortText] + "…"
	}
	return printable.Name(text)
}

const (
	// largePoison is the size from which a payload may become too large with the added metadata.
	largePoison = 16 << 10
	// shortText and mostKept are the maximum length and number of metadata values that are kept.
	shortText, mostKept = 256, 16
)

// CutKey is a metadata key of a shortened message of the poison topic. Its value is the original size
// of the payload. A shortened message has no long metadata.
const CutKey = "quire_cut_from"
