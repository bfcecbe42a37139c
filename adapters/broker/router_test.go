package broker_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/broker"
	"github.com/quire-ci/quire-project/adapters/internal/waittest"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// growing are topics whose number grows.
type growing struct {
	name       string
	partitions atomic.Int64
}

func (g *growing) Partitions() int            { return int(g.partitions.Load()) }
func (g *growing) Topic(partition int) string { return fmt.Sprintf("%s.%d", g.name, partition) }

// Each message that is no segment goes to the poison topic at once, exactly once; the others are
// handled.
func TestRubbishIsPoison(t *testing.T) {
	b := memoryBroker(t)
	poison, err := b.Subscribe(t.Context(), "poison")
	require.NoError(t, err)
	p, applied := handingOver()
	var tries atomic.Int64
	// Publishing with an expired context fails.
	pub := publisherFunc(func(topic string, messages ...*message.Message) error {
		for _, msg := range messages {
			if err := msg.Context().Err(); err != nil {
				return err
			}
		}
		return b.Publish(topic, messages...)
	})
	router := newRouter(t, b, pub, broker.FixedTopics("q", 1), p, hurried)
	router.AddMiddleware(func(h message.HandlerFunc) message.HandlerFunc {
		return func(msg *message.Message) ([]*message.Message, error) { tries.Add(1); return h(msg) }
	})
	start(t, router)

	all := rubbish()
	for _, msg := range all {
		require.NoError(t, b.Publish("q.0", msg))
	}
	send(t, b)
	got := map[string]bool{}
	for range all {
		msg := within(t, "poison", poison)
		if msg.Metadata.Get(middleware.ReasonForPoisonedKey) == "" || msg.Metadata.Get(middleware.PoisonedTopicKey) != "q.0" {
			t.Errorf("the metadata is %v", msg.Metadata)
		}
		got[fmt.Sprintf("%q", msg.Payload)] = true
		msg.Ack()
	}
	for what, msg := range all {
		assert.True(t, got[fmt.Sprintf("%q", msg.Payload)], "%s did not arrive", what)
	}
	assert.Equal(t, "a\n", string(within(t, "applying", applied).Data))
	if got, want := tries.Load(), int64(len(all)+1); got != want {
		t.Errorf("%d tries of %d messages", got, want)
	}
}

// An error that the message did not cause is retried, first by the router and then by the broker, and
// the message goes nowhere else.
func TestFailuresAreTriedAgain(t *testing.T) {
	b := memoryBroker(t)
	for name, fail := range map[string]func() error{
		"an error": func() error { return errStore },
		"a panic":  func() error { panic("a secret") },
	} {
		var tries atomic.Int64
		done := make(chan struct{})
		router := newRouter(t, b, publisherFunc(func(topic string, _ ...*message.Message) error {
			t.Errorf("%s: something is published to %s", name, topic)
			return nil
		}), broker.FixedTopics(name, 1), projectorFunc(func(context.Context, domain.Segment) error {
			if tries.Add(1) < 8 { // more than the tries of one delivery
				return fail()
			}
			close(done)
			return nil
		}), hurried)
		start(t, router)
		require.NoError(t, b.Publish(name+".0", broker.Message(domain.Segment{Run: "r", Data: []byte("a\n")})))
		within(t, name, done)
	}
}

// A try that takes too long ends, and the next one has its own timeout.
func TestTriesHaveATimeout(t *testing.T) {
	b := memoryBroker(t)
	var tries atomic.Int64
	errs := make(chan error, 1)
	options := hurried
	options.Timeout, options.Grace = 20*time.Millisecond, time.Hour
	router := newRouter(t, b, b, broker.FixedTopics("q", 1), projectorFunc(func(ctx context.Context, _ domain.Segment) error {
		if tries.Add(1) == 1 {
			<-ctx.Done()
			return ctx.Err()
		}
		errs <- ctx.Err()
		return nil
	}), options)
	start(t, router)
	send(t, b)
	assert.NoError(t, within(t, "a second try", errs), "the second try began")
}

// Closing the router waits for the current segment, and starts no other.
func TestStoppingFinishesTheSegmentAtHand(t *testing.T) {
	for name, stop := range map[string]func(*message.Router, context.CancelFunc) error{
		"closed":        func(r *message.Router, _ context.CancelFunc) error { return r.Close() },
		"context ended": func(_ *message.Router, cancel context.CancelFunc) error { cancel(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			b := memoryBroker(t)
			begun, commit := make(chan struct{}), make(chan struct{})
			var committed atomic.Bool
			router := newRouter(t, b, b, broker.FixedTopics("q", 1), projectorFunc(func(ctx context.Context, _ domain.Segment) error {
				close(begun)
				<-commit
				committed.Store(ctx.Err() == nil)
				return ctx.Err()
			}), hurried)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ended := make(chan error, 1)
			go func() { ended <- router.Run(ctx) }()
			within(t, "running", router.Running())
			send(t, b)
			within(t, "applying", begun)
			stopped := make(chan error, 1)
			go func() { stopped <- stop(router, cancel) }()
			select {
			case err := <-ended:
				t.Fatal("it did not wait: ", err)
			case <-time.After(50 * time.Millisecond):
			}
			close(commit)
			assert.NoError(t, within(t, "stopping", stopped))
			assert.NoError(t, within(t, "ending", ended))
			assert.True(t, committed.Load(), "the commit was interrupted")
		})
	}
}

// Closing waits no longer than Grace.
func TestGraceEnds(t *testing.T) {
	b := memoryBroker(t)
	begun := make(chan struct{})
	options := hurried
	options.Grace = 30 * time.Millisecond
	router := newRouter(t, b, b, broker.FixedTopics("q", 1), projectorFunc(func(ctx context.Context, _ domain.Segment) error {
		close(begun)
		<-ctx.Done()
		return ctx.Err()
	}), options)
	start(t, router)
	send(t, b)
	within(t, "applying", begun)
	start := time.Now()
	assert.NoError(t, router.Close())
	if took := time.Since(start); took < options.Grace {
		t.Errorf("it took %v", took)
	}
}

// A message whose router is closed is not handled.
func TestHandlerBeginsNothingAfterTheEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	msg := broker.Message(domain.Segment{Run: "r", Data: []byte("a\n")})
	msg.SetContext(ctx)
	handler := broker.Handler(projectorFunc(func(context.Context, domain.Segment) error {
		t.Error("it was applied")
		return nil
	}), broker.Options{})
	assert.ErrorIs(t, handler(msg), context.Canceled)
}

// counting is a meter.
type counting struct {
	applied, failed, poisoned, bytes atomic.Int64
}

func (c *counting) Applied(s *domain.Segment, _ time.Duration) {
	c.applied.Add(1)
	c.bytes.Add(int64(len(s.Data)))
}
func (c *counting) ApplyFailed() { c.failed.Add(1) }
func (c *counting) Poisoned()    { c.poisoned.Add(1) }

// The log is printable, and contains nothing of a stream.
func TestLogIsPrintable(t *testing.T) {
	b := memoryBroker(t)
	var log capturing
	var tries atomic.Int64
	done := make(chan struct{})
	options := hurried
	options.Logger = slog.New(&log)
	meter := &counting{}
	options.Meter = meter
	router := newRouter(t, b, b, broker.FixedTopics("q", 1), projectorFunc(func(context.Context, domain.Segment) error {
		switch tries.Add(1) {
		case 1:
			return errors.New("run a\nb: \x1b[31mdown")
		case 2:
			panic("a secret")
		}
		close(done)
		return nil
	}), options)
	start(t, router)
	require.NoError(t, b.Publish("q.0", message.NewMessage("\x1b\n", nil)))
	send(t, b)
	within(t, "applying", done)
	waittest.Until(func() bool { return strings.Contains(log.String(), "poison topic") })
	require.NoError(t, router.Close())
	text := log.String()
	if strings.ContainsAny(text, "\x1b") || strings.Contains(text, "a\nb") || strings.Contains(text, "a secret") {
		t.Errorf("%q", text)
	}
	for _, want := range []string{"down", "panic of type string", "poison topic"} {
		assert.Contains(t, text, want)
	}
	if meter.applied.Load() != 1 || meter.bytes.Load() != 2 || meter.failed.Load() != 2 || meter.poisoned.Load() != 1 {
		t.Errorf("applied %d, %d bytes, failed %d, poisoned %d", meter.applied.Load(), meter.bytes.Load(), meter.failed.Load(), meter.poisoned.Load())
	}
}

// An unavailable store is logged once, and once when it is back, however many messages wait for it.
func TestOutageIsLoggedOnce(t *testing.T) {
	b := memoryBroker(t)
	var log capturing
	var away atomic.Bool
	away.Store(true)
	options := hurried
	options.Logger = slog.New(&log)
	var tries atomic.Int64
	p, applied := handingOver()
	router := newRouter(t, b, b, broker.FixedTopics("q", 1), projectorFunc(func(ctx context.Context, segment domain.Segment) error {
		if tries.Add(1); away.Load() {
			return fmt.Errorf("write:\n\tno way: %w", store.ErrAway)
		}
		return p.Apply(ctx, segment)
	}), options)
	start(t, router)
	send(t, b)
	waittest.Until(func() bool { return tries.Load() >= 50 })
	away.Store(false)
	assert.Equal(t, "a\n", string(within(t, "applying", applied).Data))
	require.NoError(t, router.Close())
	text := log.String()
	for _, words := range []string{"the store is unavailable; retrying until it is back", "the store is back"} {
		if n := strings.Count(text, words); n != 1 {
			t.Errorf("%q is said %d times in %s", words, n, text)
		}
	}
	if n := strings.Count(text, "no way"); n > 5 || !strings.Contains(text, "write: no way: the database is away") {
		t.Errorf("the error is reported %d times in %s", n, text)
	}
}

// capturing records log attributes unchanged, without the escapes of other handlers.
type capturing struct {
	slog.Handler
	waittest.Output
}

func (c *capturing) Enabled(context.Context, slog.Level) bool { return true }
func (c *capturing) WithAttrs([]slog.Attr) slog.Handler       { return c }

func (c *capturing) Handle(_ context.Context, record slog.Record) error {
	text := record.Message
	record.Attrs(func(a slog.Attr) bool {
		text += fmt.Sprintf(" %s=%v", a.Key, a.Value.Any())
		return true
	})
	_, err := c.Write([]byte(text + " | "))
	return err
}

// A message of the largest size has no room for the reason why it is no segment. It goes to the poison
// topic without its end, and is not redelivered.
func TestLargestMessageIsPoison(t *testing.T) {
	const most = 100_000
	b := memoryBroker(t)
	poison, err := b.Subscribe(t.Context(), "poison")
	require.NoError(t, err)
	pub := publisherFunc(func(topic string, messages ...*message.Message) error {
		for _, msg := range messages {
			size := len(msg.Payload)
			for key, value := range msg.Metadata {
				size += len(key) + len(value)
			}
			if size > most {
				return errors.New("too large")
			}
		}
		return b.Publish(topic, messages...)
	})
	p, _ := handingOver()
	start(t, newRouter(t, b, pub, broker.FixedTopics("q", 1), p, hurried))
	fat := message.NewMessage("fat", []byte("hello"))
	fat.Metadata.Set("x", strings.Repeat("x", most))
	fat.Metadata.Set("y", "y")
	require.NoError(t, b.Publish("q.0", fat))
	thin := within(t, "poison", poison)
	thin.Ack()
	if thin.UUID != "fat" || string(thin.Payload) != "hello" || thin.Metadata.Get("y") != "y" || thin.Metadata.Get(broker.CutKey) != "5" || thin.Metadata.Get("reason_poisoned") == "" {
		t.Errorf("%s has %q, %v", thin.UUID, thin.Payload, thin.Metadata)
	}
	payload := bytes.Repeat([]byte("x"), most)
	require.NoError(t, b.Publish("q.0", message.NewMessage("large", payload)))
	got := within(t, "poison", poison)
	got.Ack()
	if got.UUID != "large" || !bytes.HasPrefix(payload, got.Payload) || got.Metadata.Get(broker.CutKey) != strconv.Itoa(most) {
		t.Errorf("%s has %d bytes, %v", got.UUID, len(got.Payload), got.Metadata)
	}
}

// A message that is no segment and cannot be stored in the poison topic is not redelivered, and the
// segments after it are applied. The log describes it without raw text.
func TestWhatCannotBeKeptBlocksNothing(t *testing.T) {
	b := memoryBroker(t)
	pub := publisherFunc(func(topic string, messages ...*message.Message) error {
		if topic == "poison" {
			return errors.New("there is no\x1b[2J such stream")
		}
		return b.Publish(topic, messages...)
	})
	var log waittest.Output
	options := hurried
	options.Logger = slog.New(slog.NewTextHandler(&log, nil))
	projector, applied := handingOver()
	start(t, newRouter(t, b, pub, broker.FixedTopics("q", 1), projector, options))
	const hostile = 100
	for i := range hostile {
		require.NoError(t, b.Publish("q.0", message.NewMessage(fmt.Sprintf("\x1b[31m%d%s", i, strings.Repeat("z", 1000)), []byte("secret"))))
	}
	segment := domain.Segment{Run: "good", Data: []byte("line\n")}
	require.NoError(t, b.Publish("q.0", broker.Message(segment)))
	within(t, "the segment", applied)
	require.True(t, waittest.Until(func() bool { return strings.Count(log.String(), "is lost") == hostile }), log.String())
	if text := log.String(); strings.Contains(text, "secret") || strings.Contains(text, "\x1b") || strings.Contains(text, strings.Repeat("z", 500)) {
		t.Error("the log has something raw of a message")
	}
}
