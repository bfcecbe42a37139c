package broker_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/broker"
	"github.com/quire-ci/quire-project/domain"
)

var errDown = errors.New("the broker is down")

// fast are options of publishers that retry at once.
var fast = broker.PublishOptions{FirstDelay: time.Microsecond, MostDelay: time.Microsecond}

// With a broker that sometimes fails, the accepted messages are the stream, in order, on the topic of
// its run, and Stats counts them.
func TestPublishStream(t *testing.T) {
	topics := broker.FixedTopics("quire", 4)
	rapid.Check(t, func(t *rapid.T) {
		run, stream := runIDs().Draw(t, "run"), streams().Draw(t, "stream")
		options := fast
		options.SegmentBytes = rapid.IntRange(21, 60).Draw(t, "limit")
		options.Window = rapid.IntRange(1, 4).Draw(t, "window")
		failures := rapid.SliceOfN(rapid.IntRange(0, 3), 0, 5).Draw(t, "failures of each call")
		var out recorder
		failed := 0
		out.onTopics = func(_ string, messages []*message.Message) error {
			require.LessOrEqual(t, len(messages), options.Window)
			if len(failures) > 0 && failures[0] > 0 {
				failures[0]--
				failed++
				return errDown
			}
			failures = failures[min(1, len(failures)):]
			return nil
		}
		stats, err := broker.NewPublisher(&out, topics, options).PublishStream(context.Background(), run, bytes.NewReader(stream))
		require.NoError(t, err)
		got := out.segments(t)
		checkAddUp(t, run, stream, got)
		require.NotEmpty(t, got, "no message announces the run")
		for _, topic := range out.topics {
			require.Equal(t, topics.Topic(broker.Partition(run, 4)), topic, "the topic")
		}
		require.Equal(t, (broker.Stats{Segments: len(got), Bytes: int64(len(stream)), Retries: failed}), stats)
	})
}

// A segment that the broker kept, but did not acknowledge, is published as the same message again.
func TestPublishAgainIsTheSameMessage(t *testing.T) {
	var out recorder
	options := fast
	options.Window = 3
	calls := 0
	lossy := publisherFunc(func(topic string, messages ...*message.Message) error {
		calls++
		if err := out.Publish(topic, messages[:min(calls, len(messages))]...); err != nil || calls < 3 {
			return errors.Join(err, errDown)
		}
		return nil
	})
	stats, err := broker.NewPublisher(lossy, broker.FixedTopics("q", 1), broker.PublishOptions{
		FirstDelay: time.Microsecond, SegmentBytes: 2, Window: 3,
	}).PublishStream(t.Context(), "r", strings.NewReader("a\nb\nc\n"))
	require.NoError(t, err, stats)
	require.Equal(t, 2, stats.Retries, stats)
	checkAddUp(t, "r", []byte("a\nb\nc\n"), out.segments(t)) // leaves out repeated UUIDs
}

type publisherFunc func(topic string, messages ...*message.Message) error

func (f publisherFunc) Publish(topic string, messages ...*message.Message) error {
	return f(topic, messages...)
}
func (publisherFunc) Close() error { return nil }

// Publishing ends when GiveUp has passed, when retries are pointless, and with its context. The error
// says at which offset, and why.
func TestPublishEnds(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx     context.Context // nil: one that ends soon
		options broker.PublishOptions
		want    []error
		tries   func(int) bool
	}{
		"given up":             {t.Context(), broker.PublishOptions{GiveUp: 100 * time.Millisecond, FirstDelay: time.Millisecond}, []error{errDown}, func(n int) bool { return n > 1 }},
		"hopeless":             {t.Context(), broker.PublishOptions{Hopeless: func(err error) bool { return errors.Is(err, errDown) }}, []error{errDown}, func(n int) bool { return n == 1 }},
		"context ended":        {nil, broker.PublishOptions{FirstDelay: time.Millisecond}, []error{errDown, context.DeadlineExceeded}, func(n int) bool { return n > 1 }},
		"context ended before": {ended, broker.PublishOptions{}, []error{context.Canceled}, func(n int) bool { return n == 0 }},
	} {
		if c.ctx == nil {
			soon, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			c.ctx = soon
		}
		out := publisherFunc(func(_ string, messages ...*message.Message) error {
			if messages[0].Context() != c.ctx {
				t.Errorf("%s: the message has another context", name)
			}
			return errDown
		})
		p := broker.NewPublisher(out, broker.FixedTopics("q", 1), c.options)
		_, err := p.Publish(c.ctx, domain.Segment{Run: "a\nb", Offset: 5, Data: []byte("x\n")})
		var failed *broker.PublishError
		if !errors.As(err, &failed) || failed.Run != "a\nb" || failed.Offset != 5 || !c.tries(failed.Tries) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, want := range c.want {
			assert.ErrorIs(t, err, want, name)
		}
		assert.NotContains(t, err.Error(), "\n", name)
	}
}

// PublishStream publishes the valid part of a stream before it returns the stream's error.
func TestPublishStreamReportsErrors(t *testing.T) {
	broken := errors.New("the disk is gone")
	for name, c := range map[string]struct {
		r    io.Reader
		want func(error) bool
	}{
		"reading":     {io.MultiReader(strings.NewReader("a\nb\nc\n"), iotest.ErrReader(broken)), func(err error) bool { return errors.Is(err, broken) }},
		"a long line": {strings.NewReader("a\nb\nc\n123456789\nd\n"), func(err error) bool { var e *broker.LineTooLongError; return errors.As(err, &e) }},
	} {
		var out recorder
		p := broker.NewPublisher(&out, broker.FixedTopics("q", 1), broker.PublishOptions{SegmentBytes: 4, Window: 2})
		stats, err := p.PublishStream(t.Context(), "r", c.r)
		if !c.want(err) || stats.Bytes != 6 {
			t.Errorf("%s: %+v, %v", name, stats, err)
		}
		checkAddUp(t, "r", []byte("a\nb\nc\n"), out.segments(t))
	}
}

// A stream whose context ends does not count as published, and PublishStream stops reading it.
func TestPublishStreamEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var reads, after atomic.Int64
	out := publisherFunc(func(string, ...*message.Message) error { cancel(); return nil })
	endless := readerFunc(func(b []byte) (int, error) {
		b[0] = "\na"[reads.Add(1)%2]
		return 1, nil
	})
	_, err := broker.NewPublisher(out, broker.FixedTopics("q", 1), broker.PublishOptions{SegmentBytes: 2}).PublishStream(ctx, "r", endless)
	after.Store(reads.Load())
	assert.ErrorIs(t, err, context.Canceled)
	time.Sleep(10 * time.Millisecond)
	assert.Equal(t, after.Load(), reads.Load(), "the stream is still read")
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// The next window is read while one is published.
func TestPublishStreamReadsAhead(t *testing.T) {
	r, w := io.Pipe()
	took := make(chan struct{})
	out := publisherFunc(func(string, ...*message.Message) error {
		select {
		case <-took: // more was read
			return nil
		case <-time.After(5 * time.Minute):
			return errors.New("nothing is read meanwhile")
		}
	})
	go func() {
		io.WriteString(w, "a\nb\n")
		close(took)
		w.Close()
	}()
	p := broker.NewPublisher(out, broker.FixedTopics("q", 1), broker.PublishOptions{SegmentBytes: 2, Window: 1, GiveUp: time.Nanosecond})
	_, err := p.PublishStream(t.Context(), "r", iotest.OneByteReader(r))
	assert.NoError(t, err)
}

// One publisher serves many streams at once.
func TestPublishManyStreams(t *testing.T) {
	var out recorder
	p := broker.NewPublisher(&out, broker.FixedTopics("q", 3), broker.PublishOptions{SegmentBytes: 8})
	var wg sync.WaitGroup
	const runs = 20
	for i := range runs {
		wg.Go(func() {
			stream := strings.Repeat(fmt.Sprintf("run%d\n", i), 10)
			_, err := p.PublishStream(t.Context(), domain.RunID(fmt.Sprint(i)), strings.NewReader(stream))
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	byRun := map[domain.RunID][]domain.Segment{}
	for _, s := range out.segments(t) {
		byRun[s.Run] = append(byRun[s.Run], s)
	}
	for i := range runs {
		run := domain.RunID(fmt.Sprint(i))
		checkAddUp(t, run, []byte(strings.Repeat(fmt.Sprintf("run%d\n", i), 10)), byRun[run])
	}
}

// Segments of several runs go each to the topic of its run.
func TestPublishSegments(t *testing.T) {
	topics := broker.FixedTopics("q", 5)
	var out recorder
	p := broker.NewPublisher(&out, topics, broker.PublishOptions{})
	var all []domain.Segment
	for _, run := range []domain.RunID{"a", "a", "b", "c", "b"} {
		all = append(all, domain.Segment{Run: run, Offset: int64(2 * len(all)), Data: []byte("x\n")})
	}
	_, err := p.Publish(t.Context(), all...)
	require.NoError(t, err)
	if got := out.segments(t); !slices.EqualFunc(got, all, func(a, b domain.Segment) bool { return a.Run == b.Run && a.Offset == b.Offset }) {
		t.Errorf("got %v, want %v", got, all)
	}
	for i, call := range out.calls {
		segment, err := broker.Segment(call[0])
		if err != nil || out.topics[i] != topics.Topic(broker.Partition(segment.Run, 5)) {
			t.Errorf("run %s went to %s, %v", segment.Run, out.topics[i], err)
		}
	}
	_, err = p.Publish(t.Context())
	assert.NoError(t, err, "nothing cannot be published")
}

// Publish does not send invalid segments.
func TestPublishChecksSegments(t *testing.T) {
	for name, bad := range map[string]domain.Segment{
		"no run": {Data: []byte("a\n")}, "half a line": {Run: "r", Data: []byte("a")}, "nothing in the middle": {Run: "r", Offset: 1},
		"a tail of lines": {Run: "r", Data: []byte("a\nb"), Tail: true}, "before the start": {Run: "r", Offset: -1, Data: []byte("a\n")},
	} {
		var out recorder
		_, err := broker.NewPublisher(&out, broker.FixedTopics("q", 1), fast).Publish(t.Context(), domain.Segment{Run: "r", Data: []byte("a\n")}, bad)
		assert.Error(t, err, name)
		assert.Equal(t, 0, out.count(), name)
	}
}

// A stream that is published twice arrives twice, even though the broker drops messages that it knows.
// A message that is repeated within one publication, because the broker's answer was lost, is dropped.
func TestPublishedOnceMoreArrives(t *testing.T) {
	had := map[string]bool{}
	var arrived []string
	answers := []error{nil, errors.New("the answer is lost"), nil, nil}
	p := broker.NewPublisher(publisherFunc(func(_ string, messages ...*message.Message) error {
		for _, m := range messages {
			if !had[m.UUID] {
				had[m.UUID] = true
				arrived = append(arrived, string(m.Payload))
			}
		}
		answer := answers[0]
		answers = answers[1:]
		return answer
	}), broker.FixedTopics("q", 1), broker.PublishOptions{FirstDelay: 1, MostDelay: 1})
	segments := []domain.Segment{{Run: "r", Data: []byte("a\n")}, {Run: "r", Offset: 2, Data: []byte("b\n")}}
	for range 3 {
		_, err := p.Publish(t.Context(), segments...)
		require.NoError(t, err)
	}
	assert.Equal(t, []string{"a\n", "b\n", "a\n", "b\n", "a\n", "b\n"}, arrived)
}
