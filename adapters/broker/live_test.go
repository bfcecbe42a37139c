package broker_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/broker"
)

// However a stream grows and whatever fails, what arrives is the stream, in order.
func TestLiveSendsTheStream(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		run, chunks := runIDs().Draw(t, "run"), rapid.SliceOfN(lines(), 0, 12).Draw(t, "chunks")
		tail := rapid.SliceOfN(rapid.ByteRange('t', 'z'), 0, 20).Draw(t, "tail")
		failures := rapid.SliceOfN(rapid.IntRange(0, 2), 0, 5).Draw(t, "failures of each call")
		options := fast
		options.SegmentBytes = rapid.IntRange(21, 60).Draw(t, "limit")
		options.PendingBytes = rapid.IntRange(1, 200).Draw(t, "pending")
		var out recorder
		out.onTopics = func(string, []*message.Message) error {
			if len(failures) > 0 && failures[0] > 0 {
				failures[0]--
				return errDown
			}
			failures = failures[min(1, len(failures)):]
			return nil
		}
		live := broker.NewPublisher(&out, broker.FixedTopics("q", 2), options).Live(context.Background(), run)
		var stream []byte
		for _, chunk := range chunks {
			reused := bytes.Clone(chunk)
			require.NoError(t, live.Add(int64(len(stream)), reused))
			for i := range reused {
				reused[i] = '!'
			}
			stream = append(stream, chunk...)
			if rapid.Bool().Draw(t, "flush") {
				require.NoError(t, live.Flush())
				checkAddUp(t, run, stream, out.segments(t))
			}
		}
		if len(tail) > 0 {
			require.NoError(t, live.Tail(int64(len(stream)), tail))
			stream = append(stream, tail...)
		}
		stats, err := live.Close()
		require.NoError(t, err)
		got := out.segments(t)
		checkAddUp(t, run, stream, got)
		require.Equal(t, int64(len(stream)), stats.Bytes, "%+v", stats)
		require.Equal(t, len(got), stats.Segments, "%+v", stats)
	})
}

// Lines that arrive while no message is in flight are sent at once; lines that arrive in the meantime
// go together as soon as possible. The test uses its own clock: no time may pass in between.
func TestLiveWaitsForNoTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const took = 30 * time.Millisecond // what the broker takes
		start := time.Now()
		var sent []string
		out := publisherFunc(func(_ string, messages ...*message.Message) error {
			for _, msg := range messages {
				sent = append(sent, time.Since(start).String()+" "+string(msg.Payload))
			}
			time.Sleep(took)
			return nil
		})
		live := broker.NewPublisher(out, broker.FixedTopics("q", 1), broker.PublishOptions{}).Live(t.Context(), "r")
		add := func(offset int64, line string) {
			assert.NoError(t, live.Add(offset, []byte(line)))
		}
		add(0, "a\n")
		time.Sleep(10 * time.Millisecond)
		add(2, "b\n")
		add(4, "c\n")
		time.Sleep(10 * time.Millisecond)
		add(6, "d\n")
		time.Sleep(time.Second)
		add(8, "e\n")
		if stats, err := live.Close(); err != nil || stats.Segments != 3 {
			t.Error(stats, err)
		}
		want := "0s a\n, 30ms b\nc\nd\n, 1.02s e\n"
		assert.Equal(t, want, strings.Join(sent, ", "))
	})
}

// On a real clock too.
func TestLiveDelay(t *testing.T) {
	sent := make(chan time.Time, 1)
	out := publisherFunc(func(string, ...*message.Message) error { sent <- time.Now(); return nil })
	live := broker.NewPublisher(out, broker.FixedTopics("q", 1), broker.PublishOptions{}).Live(t.Context(), "r")
	for i := range 20 {
		start := time.Now()
		require.NoError(t, live.Add(int64(2*i), []byte("a\n")))
		if took := (<-sent).Sub(start); took > 10*time.Second {
			t.Errorf("it took %v", took)
		}
	}
	_, err := live.Close()
	assert.NoError(t, err)
}

// Add waits while too much is pending, and no longer.
func TestLiveIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		out := publisherFunc(func(string, ...*message.Message) error { <-release; return nil })
		live := broker.NewPublisher(out, broker.FixedTopics("q", 1), broker.PublishOptions{PendingBytes: 4}).Live(t.Context(), "r")
		var added atomic.Int64
		go func() {
			for i := range 5 {
				assert.NoError(t, live.Add(int64(2*i), []byte("a\n")))
				synctest.Wait() // the first one is on its way before the next is added
				added.Add(1)
			}
		}()
		time.Sleep(time.Second)
		if n := added.Load(); n != 3 { // one on its way, two pending
			t.Errorf("%d were added", n)
		}
		close(release)
		time.Sleep(time.Second)
		assert.EqualValues(t, 5, added.Load())
		if stats, err := live.Close(); err != nil || stats.Bytes != 10 {
			t.Error(stats, err)
		}
	})
}

// Wrong calls of Add change nothing.
func TestLiveKeepsItsPlace(t *testing.T) {
	var out recorder
	live := broker.NewPublisher(&out, broker.FixedTopics("q", 1), fast).Live(t.Context(), "r")
	require.NoError(t, live.Add(0, []byte("a\n")))
	for _, flush := range []bool{false, true} {
		for _, bad := range []error{
			live.Add(0, []byte("a\n")), live.Add(1, []byte("b\n")), live.Add(3, []byte("b\n")), live.Add(2, []byte("half")),
			live.Tail(3, []byte("t")), live.Tail(2, []byte("t\n")), live.Tail(2, nil), live.Add(-1, []byte("b\n")),
		} {
			assert.Error(t, bad, "it was taken")
		}
		if flush {
			require.NoError(t, live.Flush())
		}
	}
	require.NoError(t, live.Tail(2, []byte("t")))
	assert.Error(t, live.Add(3, []byte("b\n")), "something was added behind the tail")
	for range 2 {
		_, err := live.Close()
		assert.NoError(t, err)
	}
	assert.Error(t, live.Add(3, []byte("b\n")), "something was added after the end")
	checkAddUp(t, "r", []byte("a\nt"), out.segments(t))
}

// Add, Flush and Close return an error of sending, and keep returning it.
func TestLiveTellsErrors(t *testing.T) {
	broken := broker.PublishOptions{Hopeless: func(error) bool { return true }, SegmentBytes: 4}
	down := publisherFunc(func(string, ...*message.Message) error { return errDown })
	live := broker.NewPublisher(down, broker.FixedTopics("q", 1), broken).Live(t.Context(), "r")
	require.NoError(t, live.Add(0, []byte("a\n")))
	assert.ErrorIs(t, live.Flush(), errDown)
	assert.ErrorIs(t, live.Add(2, []byte("b\n")), errDown)
	_, err := live.Close()
	assert.ErrorIs(t, err, errDown)

	var out recorder
	live = broker.NewPublisher(&out, broker.FixedTopics("q", 1), broken).Live(t.Context(), "r")
	var tooLong *broker.LineTooLongError
	require.NoError(t, live.Add(0, []byte("a\n12345\n")))
	if stats, err := live.Close(); !errors.As(err, &tooLong) || stats.Bytes != 2 {
		t.Error(stats, err)
	}
}

// The context ends Live, even if the broker is down and a caller waits.
func TestLiveEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	down := publisherFunc(func(string, ...*message.Message) error { return errDown })
	live := broker.NewPublisher(down, broker.FixedTopics("q", 1), broker.PublishOptions{FirstDelay: time.Hour}).Live(ctx, "r")
	require.NoError(t, live.Add(0, []byte("a\n")))
	time.AfterFunc(10*time.Millisecond, cancel)
	assert.ErrorIs(t, live.Flush(), context.Canceled)
	_, err := live.Close()
	assert.ErrorIs(t, err, context.Canceled)
}

// Nor does anybody wait for a publisher that does not heed its context.
func TestLiveLeavesAStuckPublisher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		release := make(chan struct{})
		out := publisherFunc(func(string, ...*message.Message) error { <-release; return nil })
		live := broker.NewPublisher(out, broker.FixedTopics("q", 1), broker.PublishOptions{PendingBytes: 1}).Live(ctx, "r")
		var errs [2]error
		for i := range 2 { // one on its way, one pending
			require.NoError(t, live.Add(int64(2*i), []byte("a\n")))
			synctest.Wait()
		}
		go func() { errs[0] = live.Flush() }()
		go func() { errs[1] = live.Add(4, []byte("a\n")) }()
		synctest.Wait()
		cancel()
		synctest.Wait()
		for i, err := range errs {
			assert.ErrorIs(t, err, context.Canceled, "%d", i)
		}
		close(release)
		_, err := live.Close()
		assert.ErrorIs(t, err, context.Canceled)
	})
}
