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
	"github.com/quire-ci/quire-project/adapters/internal/seldom"
)

// poisonQueue keeps messages that are no segments in a topic of their own. What cannot be
// kept is logged. In both cases the message is done with: it does not come again and hold
// up segments. Watermill's own middleware would have it come again until it is kept, and
// writes into the message.
type poisonQueue struct {
	out     message.Publisher
	topic   string
	options Options
	said    seldom.Words
	pause   atomic.Int64 // until when nothing is tried, in Unix nanoseconds
}

const (
	// keeping is how long it is tried to keep a message.
	keeping = 3 * time.Second
	// keepingPause is for how long that is not tried when it took too long: thousands of messages
	// may be waiting.
	keepingPause = 10 * time.Second
)

// middleware passes all errors but a [*NotSegmentError].
func (q *poisonQueue) middleware(h message.HandlerFunc) message.HandlerFunc {
	return func(msg *message.Message) ([]*message.Message, error) {
		produced, err := h(msg)
		var not *NotSegmentError
		if errors.As(err, &not) {
			q.take(msg, not)
			return nil, nil
		}
		return produced, err
	}
}

func (q *poisonQueue) take(msg *message.Message, not *NotSegmentError) {
	err := q.keep(msg, not)
	q.options.Meter.Poisoned()
	switch {
	case err != nil:
		q.options.Logger.Error("a message that is no segment could not be kept in the poison topic, and is lost",
			slog.String("message_uuid", short(msg.UUID)), slog.String("reason", not.Reason), slog.Int("bytes", len(msg.Payload)),
			slog.String("error", printable.Line(err.Error())))
	case q.said.New(not.Reason):
		q.options.Logger.Warn("a message that is no segment has gone to the poison topic; others with this reason are not logged for a minute",
			slog.String("message_uuid", short(msg.UUID)), slog.String("reason", not.Reason))
	}
}

// errKeepingPaused says that a message was not tried to be kept.
var errKeepingPaused = errors.New("the poison topic did not take an earlier message in time")

// keep publishes a copy of a message, with a context of its own: that of the message has
// ended with the last try to handle it. With what is added to it, it may be larger than the
// broker takes: then it is shortened.
func (q *poisonQueue) keep(msg *message.Message, not *NotSegmentError) error {
	if time.Now().UnixNano() < q.pause.Load() {
		return errKeepingPaused
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(msg.Context()), keeping)
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
		q.pause.Store(time.Now().Add(keepingPause).UnixNano())
	}
	return err
}

// shortened returns what fits of a message: metadata that is not long, and half of a payload
// that is.
func shortened(msg *message.Message) *message.Message {
	part := message.NewMessage(msg.UUID, msg.Payload)
	if len(part.UUID) > shortText {
		part.UUID = "" // what begins in the same way is another message
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

// short returns a text that others have given, fit for a log, without the end of a long one.
func short(text string) string {
	if len(text) > shortText {
		text = text[:shortText] + "…"
	}
	return printable.Name(text)
}

const (
	// largePoison is how large a payload is, in bytes, that may be too large with what is
	// added to it.
	largePoison = 16 << 10
	// shortText and mostKept bound what is kept of metadata: how many bytes one of them has,
	// and how many there are.
	shortText, mostKept = 256, 16
)

// CutKey is in the metadata of a message of the poison topic of which the broker did not
// take the whole: how many bytes its payload had. Of its metadata, the long ones are left out.
const CutKey = "quire_cut_from"
