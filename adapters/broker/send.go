package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/cenkalti/backoff/v5"
	"github.com/google/uuid"

	"github.com/quire-ci/quire-project/adapters/internal/printable"
	"github.com/quire-ci/quire-project/domain"
)

// PublishError reports that segments of a run were not published, or may not have been.
type PublishError struct {
	Run domain.RunID
	// Offset is the offset of the first of these segments.
	Offset int64
	Tries  int
	// Err is the error of the last attempt and, if the context has ended, the context's error.
	Err error
}

func (e *PublishError) Error() string {
	run := "run " + printable.Name(string(e.Run)) + ": "
	reason := strings.TrimPrefix(e.Err.Error(), run) // which may name the run, too
	return fmt.Sprintf("%spublishing its stream from byte %d on: %s (tries: %d)", run, e.Offset, reason, e.Tries)
}

func (e *PublishError) Unwrap() error { return e.Err }

// send publishes segments of one run, and retries. Each attempt sends all of them in order, because it
// is unknown which ones the broker has accepted.
func (p *Publisher) send(ctx context.Context, segments []domain.Segment) (Stats, error) {
	tries, space := 0, uuid.New() // space is unique to this publication
	var last error
	once := func() (struct{}, error) {
		if ctx.Err() != nil {
			return struct{}{}, backoff.Permanent(ctx.Err())
		}
		tries++
		if last = p.sendOnce(ctx, space, segments); last == nil {
			return struct{}{}, nil
		}
		if p.options.Hopeless(last) {
			return struct{}{}, backoff.Permanent(last)
		}
		return struct{}{}, last
	}
	_, err := backoff.Retry(ctx, once, backoff.WithBackOff(p.backOff()), backoff.WithMaxElapsedTime(p.options.GiveUp), backoff.WithNotify(p.logRetry))
	if err != nil {
		if last != nil && !errors.Is(err, last) {
			err = fmt.Errorf("%w (before that: %w)", err, last)
		}
		return Stats{Retries: max(tries-1, 0)}, &PublishError{Run: segments[0].Run, Offset: segments[0].Offset, Tries: tries, Err: err}
	}
	sent := Stats{Segments: len(segments), Retries: tries - 1}
	for i := range segments {
		sent.Bytes += int64(len(segments[i].Data))
	}
	return sent, nil
}

// sendOnce makes new messages for each attempt: the code that received the earlier ones may have
// changed them, or still use them.
func (p *Publisher) sendOnce(ctx context.Context, space uuid.UUID, segments []domain.Segment) error {
	messages := make([]*message.Message, len(segments))
	for i := range segments {
		messages[i] = messageIn(space, segments[i])
		messages[i].SetContext(ctx)
	}
	return p.out.Publish(topicOf(p.topics, segments[0].Run), messages...)
}

func (p *Publisher) backOff() backoff.BackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval, b.Multiplier = p.options.FirstDelay, p.options.MostDelay, 2
	return b
}

func (p *Publisher) logRetry(err error, delay time.Duration) {
	p.options.Logger.Warn("publishing failed, trying again", slog.String("error", printable.Name(err.Error())), slog.Duration("in", delay))
}
