package jetstream

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/jetstream/natstest"
)

// A partition repeatedly moves to another worker while messages are in flight. Each message is
// delivered once, and about in its order. If a closed worker kept one, the server would wait for its
// ack for longer than this test does.
func TestHandingOver(t *testing.T) {
	t.Parallel()
	o := with(func(o *Options) { o.Partitions, o.lease, o.ackWait, o.drain = 1, patience, 4*patience, patience })
	b := openWith(t, natstest.New(t).URL(), o)
	const total = 6000
	go func() {
		for i := 0; i < total; i += 50 {
			assert.NoError(t, b.Publisher().Publish(b.Topic(0), numbered(i, 50)...))
		}
	}()
	var got []string
	for rounds := 1; len(got) < total; rounds++ {
		ctx, cancel := context.WithCancel(context.Background())
		s := b.Subscriber()
		messages, err := s.Subscribe(ctx, b.AllTopics())
		require.NoError(t, err)
		for until := min(len(got)+rounds*7%190, total); len(got) < until; {
			m := next(t, messages)
			got = append(got, string(m.Payload))
			m.Ack()
		}
		cancel()
		for m := range messages { // one may still be in the channel
			got = append(got, string(m.Payload))
			m.Ack()
		}
		s.Close()
	}
	seen := map[int]bool{}
	for i := range got {
		n, err := strconv.Atoi(got[i])
		if err != nil || seen[n] || max(n-i, i-n) > 2*b.options.InFlight {
			t.Errorf("message %d is %s; has it come before: %v", i, got[i], seen[n])
		}
		seen[n] = true
	}
}

// Close does not wait for a server that is unavailable, even with messages that cannot be given back
// to it.
func TestCloseWithoutServer(t *testing.T) {
	t.Parallel()
	server := natstest.New(t)
	b := openWith(t, server.URL(), with(func(o *Options) { o.ackWait, o.drain = 4*patience, time.Second }))
	publish(t, b, b.Topic(0), numbered(0, 100)...)
	messages := subscribe(t, b.Subscriber(), b.AllTopics())
	m := next(t, messages)
	eventually(t, "more are in hand", func() bool {
		lags, err := b.Lag(context.Background())
		return err == nil && lags[0].InFlight == 16
	})
	server.Stop()
	closed := make(chan struct{})
	go func() { b.Close(); close(closed) }()
	select {
	case <-closed:
	case <-time.After(patience):
		t.Fatal("it does not close")
	}
	assert.Error(t, m.Context().Err(), "the context of a message has not ended")
}

// Close leaves no goroutine behind.
func TestNothingIsLeft(t *testing.T) {
	// The server runs in another process, because it has goroutines of its own.
	server := natstest.New(t)
	address := server.URL()
	server.Stop()
	server.StartProcess()
	use := func() {
		b, err := Open(context.Background(), address, quick)
		require.NoError(t, err)
		first, second := b.Subscriber(), b.Subscriber()
		ctx, cancel := context.WithCancel(context.Background())
		one, err := first.Subscribe(ctx, b.Topic(0))
		require.NoError(t, err)
		all := subscribe(t, second, b.AllTopics())
		publish(t, b, b.Topic(1), numbered(0, 10)...)
		next(t, all).Nack()
		next(t, all).Ack()
		cancel()
		for range one {
		}
		second.Close()
		b.Close()
	}
	use() // starts what is started once
	var before int
	eventually(t, "the number of goroutines is steady", func() bool {
		last := before
		before = runtime.NumGoroutine()
		time.Sleep(100 * time.Millisecond)
		return before == last && before == runtime.NumGoroutine()
	})
	for range 4 {
		use()
	}
	defer func() {
		if t.Failed() {
			stacks := make([]byte, 1<<20)
			t.Logf("%d goroutines before:\n%s", before, stacks[:runtime.Stack(stacks, true)])
		}
	}()
	eventually(t, "no more goroutines than before", func() bool { return runtime.NumGoroutine() <= before })
}

// An open broker does not recreate a deleted stream. Opening the broker again does, and then brokers
// that are already open continue.
func TestStreamDeleted(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	server := natstest.New(t)
	b := openWith(t, server.URL(), with(func(o *Options) { o.publishTimeout = time.Second }))
	messages := subscribe(t, b.Subscriber(), b.AllTopics())
	publish(t, b, b.Topic(0), numbered(0, 1)...)
	next(t, messages).Ack()
	for _, name := range []string{"quire", "quire-poison"} {
		require.NoError(t, b.js.DeleteStream(ctx, name))
	}
	eventually(t, "an error says that there is no stream", func() bool {
		err := b.Publisher().Publish(b.Topic(0), numbered(0, 1)...)
		require.Error(t, err, "it is published")
		return errors.Is(err, ErrNoStream) && errors.Is(err, context.DeadlineExceeded)
	})
	_, err := b.Lag(ctx)
	assert.Error(t, err, "there is a lag")
	again := openWith(t, server.URL(), quick)
	publish(t, again, again.Topic(0), numbered(0, 1)...)
	publish(t, again, again.Poison(), numbered(0, 1)...)
	next(t, messages).Ack()
}

// If two programs raise the number of partitions at the same time, the smaller number may be written
// last.
func TestPartitionsAreNotLost(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	b := openWith(t, natstest.New(t).URL(), with(func(o *Options) { o.Partitions = 12 }))
	known := func() string {
		stream, err := b.js.Stream(ctx, "quire")
		require.NoError(t, err)
		return stream.CachedInfo().Config.Metadata[partitionsKey]
	}
	stream, err := b.js.Stream(ctx, "quire")
	require.NoError(t, err)
	config := stream.CachedInfo().Config
	config.Metadata[partitionsKey] = "6"
	_, err = b.js.UpdateStream(ctx, config)
	require.NoError(t, err)
	eventually(t, "there are 12 again", func() bool { return known() == "12" })
	for _, odd := range []string{"", "x", "0", "9999"} { // no valid number
		config.Metadata[partitionsKey] = odd
		_, err := b.js.UpdateStream(ctx, config)
		require.NoError(t, err)
	}
	time.Sleep(1500 * time.Millisecond)
	assert.Equal(t, 12, b.Partitions())
	assert.Equal(t, "9999", known())
}

// A worker that releases a partition while the server is about to pin it does not keep the pin: the
// next one does not have to wait until it expires.
func TestReleasedWhilePinned(t *testing.T) {
	t.Parallel()
	b := openWith(t, natstest.New(t).URL(), with(func(o *Options) { o.lease = 4 * patience }))
	topic := b.Topic(0)
	publish(t, b, topic, numbered(0, 1)...)
	for range 5 {
		var workers sync.WaitGroup
		for range 5 { // each sees the others come, and that the partition is not its own
			s := b.Subscriber()
			messages := subscribe(t, s, topic)
			workers.Go(func() {
				for m := range messages {
					m.Nack()
				}
			})
			workers.Go(func() {
				time.Sleep(2*assignDelay + time.Duration(rand.IntN(50))*time.Millisecond)
				s.Close()
			})
		}
		workers.Wait()
	}
	next(t, subscribe(t, b.Subscriber(), topic)).Ack()
}
