package jetstream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/jetstream/natstest"
)

// Publishers and subscribers find a restarted server again, and nothing is lost.
func TestRestart(t *testing.T) {
	t.Parallel()
	server := natstest.New(t)
	b := openWith(t, server.URL(), quick)
	var s sink
	go s.drink(subscribe(t, b.Subscriber(), b.AllTopics()))
	publish(t, b, b.Topic(0), numbered(0, 10)...)
	eventually(t, "10 are handled", func() bool { return s.len() == 10 })
	for round := range 2 {
		acked(t, b) // otherwise messages come again
		server.Stop()
		published := make(chan error)
		go func() { published <- b.Publisher().Publish(b.Topic(1), numbered(0, 10)...) }()
		time.Sleep(time.Duration(round) * 1500 * time.Millisecond) // within the lease, and longer
		server.Start()
		require.NoError(t, <-published)
		eventually(t, "10 more are handled", func() bool { return s.len() == 20+10*round })
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for uuid, n := range s.seen {
		assert.Equal(t, 1, n, "%s was delivered", uuid)
	}
}

// Publishing ends with the context of a message, and at its timeout.
func TestPublishGivesUp(t *testing.T) {
	t.Parallel()
	server := natstest.New(t)
	b := openWith(t, server.URL(), with(func(o *Options) { o.publishTimeout = 600 * time.Millisecond }))
	server.Stop()
	start := time.Now()
	assert.ErrorIs(t, b.Publisher().Publish(b.Topic(0), numbered(0, 3)...), context.DeadlineExceeded)
	if took := time.Since(start); took < 500*time.Millisecond || took > patience/2 {
		t.Error(took)
	}
	m := numbered(0, 1)[0]
	ctx, cancel := context.WithCancelCause(context.Background())
	m.SetContext(ctx)
	reason := errors.New("a reason")
	time.AfterFunc(100*time.Millisecond, func() { cancel(reason) })
	assert.ErrorIs(t, b.Publisher().Publish(b.Topic(0), numbered(0, 1)[0], m), reason)
	closing := with(func(o *Options) { o.publishTimeout = time.Minute })
	server.Start()
	b = openWith(t, server.URL(), closing)
	server.Stop()
	time.AfterFunc(100*time.Millisecond, func() { b.Close() })
	assert.ErrorIs(t, b.Publisher().Publish(b.Topic(0), numbered(0, 1)...), ErrClosed)
	server.Start()
}

// If one of three servers stops and comes back, no message is lost, and few acked ones come again.
func TestClusterLosesAServer(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a cluster")
	}
	t.Parallel()
	cluster := natstest.NewCluster(t)
	o := with(func(o *Options) {
		o.Replicas, o.Partitions, o.lease, o.publishTimeout = 3, 4, 2*time.Second, patience
	})
	publisher, b := openWith(t, cluster.URL(), o), openWith(t, cluster.URL(), o)
	for _, name := range []string{"quire", "quire-poison"} {
		stream, err := b.js.Stream(context.Background(), name)
		require.NoError(t, err, name)
		require.Equal(t, 3, stream.CachedInfo().Config.Replicas, name)
	}
	var s sink
	go s.drink(subscribe(t, b.Subscriber(), b.AllTopics()))
	early := numbered(0, 100)
	publish(t, publisher, publisher.Topic(0), early...)
	eventually(t, "the first are handled", func() bool { return s.len() == 100 })
	acked(t, b)

	total := make(chan int)
	quit := make(chan struct{})
	go func() {
		n := 0
		for {
			select {
			case <-quit:
				total <- n
				return
			case <-time.After(5 * time.Millisecond):
			}
			assert.NoError(t, publisher.Publisher().Publish(publisher.Topic(n%4), numbered(n, 5)...))
			n += 5
		}
	}()
	leader := cluster.Leader("quire")
	leader.Stop()
	time.Sleep(1500 * time.Millisecond)
	leader.Start()
	cluster.WaitReady()
	time.Sleep(500 * time.Millisecond)
	close(quit)
	published := 100 + <-total
	eventually(t, "all are handled", func() bool { return s.len() == published })
	s.mu.Lock()
	defer s.mu.Unlock()
	again := 0
	for _, m := range early {
		again += s.seen[m.UUID] - 1
	}
	if again > 50 { // acks that only the leader knew of can be lost with it
		t.Errorf("%d of %d messages that were acked before came again", again, len(early))
	}
	t.Logf("%d messages", published)
}

// Replicas can be raised later.
func TestMoreReplicas(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a cluster")
	}
	t.Parallel()
	cluster := natstest.NewCluster(t)
	one := openWith(t, cluster.URL(), quick)
	publish(t, one, one.Topic(0), message.NewMessage("a", nil))
	openWith(t, cluster.URL(), with(func(o *Options) { o.Replicas = 3 }))
	for _, name := range []string{"quire", "quire-poison"} {
		stream, err := one.js.Stream(context.Background(), name)
		assert.NoError(t, err, name)
		assert.Equal(t, 3, stream.CachedInfo().Config.Replicas, name)
	}
	next(t, subscribe(t, one.Subscriber(), one.Topic(0))).Ack()
}

// A deleted poison stream is recreated, and the work continues in the meantime.
func TestDeletedUnderAWorker(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	b := openWith(t, natstest.New(t).URL(), with(func(o *Options) { o.Partitions = 2 }))
	messages := subscribe(t, b.Subscriber(), b.AllTopics())
	publish(t, b, b.Topic(0), numbered(0, 1)...)
	next(t, messages).Ack()
	require.NoError(t, b.js.DeleteStream(ctx, b.Poison()))
	publish(t, b, b.Poison(), numbered(1, 1)...)
	publish(t, b, b.Topic(0), numbered(2, 1)...)
	publish(t, b, b.Topic(1), numbered(3, 1)...)
	for range 2 {
		next(t, messages).Ack()
	}
}

// A message in flight is not confused with a new message of the same sequence after the stream was
// deleted and created again.
func TestNumbersBeginAnew(t *testing.T) {
	t.Parallel()
	server := natstest.New(t)
	o := with(func(o *Options) { o.Partitions = 1 })
	b := openWith(t, server.URL(), o)
	messages := subscribe(t, b.Subscriber(), b.Topic(0))
	publish(t, b, b.Topic(0), numbered(0, 1)...)
	before := next(t, messages)
	require.NoError(t, b.js.DeleteStream(context.Background(), b.options.Stream))
	again := openWith(t, server.URL(), o)
	publish(t, again, again.Topic(0), numbered(1, 1)...)
	after := next(t, messages)
	assert.Equal(t, "1", string(after.Payload))
	after.Ack()
	before.Ack()
	acked(t, b)
}

// Connecting to a server that does not answer ends with the context.
func TestConnectingEnds(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer silent.Close()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err = Open(ctx, "nats://"+silent.Addr().String(), Options{})
	assert.ErrorIs(t, err, context.Canceled, "it ends")
}

// A consumer whose files are missing on the server is created again.
func TestConsumerWithoutFiles(t *testing.T) {
	t.Parallel()
	server := natstest.New(t)
	b := openWith(t, server.URL(), with(func(o *Options) { o.Partitions = 1 }))
	publish(t, b, b.Topic(0), numbered(1, 1)...)
	before := b.Subscriber()
	next(t, subscribe(t, before, b.AllTopics())).Ack()
	acked(t, b)
	require.NoError(t, before.Close())
	folder := filepath.Join(server.Server().StoreDir(), "*", "streams", b.options.Stream, "obs", b.consumer(0))
	found, err := filepath.Glob(folder)
	require.NoError(t, err)
	require.Len(t, found, 1)
	// The server may be writing into the folder.
	eventually(t, "the files are gone", func() bool { return os.RemoveAll(found[0]) == nil })
	publish(t, b, b.Topic(0), numbered(2, 1)...)
	messages := subscribe(t, b.Subscriber(), b.AllTopics())
	for payload := ""; payload != "2"; { // the first one may come again, because its ack is lost
		m := next(t, messages)
		payload = string(m.Payload)
		m.Ack()
	}
	acked(t, b)
}

// A consumer that cannot be written at the moment, for example on a full disk, is kept: it knows
// which messages were acked.
func TestConsumerThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	b := openWith(t, natstest.New(t).URL(), with(func(o *Options) { o.Partitions = 1 }))
	publish(t, b, b.Topic(0), numbered(1, 1)...)
	w := b.Subscriber()
	next(t, subscribe(t, w, b.AllTopics())).Ack()
	acked(t, b)
	before, err := b.js.Consumer(ctx, b.options.Stream, b.consumer(0))
	require.NoError(t, err)
	w.(*worker).mu.Lock()
	d := &delivery{a: w.(*worker).assignments[0]}
	w.(*worker).mu.Unlock()
	for range 2 * mendAfter {
		d.mend(ctx, fmt.Errorf("make the consumer: %w", &jetstream.APIError{Code: 500, ErrorCode: jetstream.JSErrCodeConsumerCreate, Description: "write meta.inf.tmp: no space left on device"}))
	}
	after, err := b.js.Consumer(ctx, b.options.Stream, b.consumer(0))
	if err != nil || !after.CachedInfo().Created.Equal(before.CachedInfo().Created) {
		t.Errorf("the consumer was made anew: %v", err)
	}
}

// A cluster that has lost its leader may not have agreed yet on an earlier message.
func TestWhatIsPermanent(t *testing.T) {
	for code, want := range map[jetstream.ErrorCode]bool{codeInProcess: false, codeNoCluster: true, 10071: true} {
		assert.Equal(t, want, permanent(fmt.Errorf("publish: %w", &jetstream.APIError{Code: 409, ErrorCode: code})), "permanent")
	}
	assert.False(t, permanent(errors.New("any other")), "an unknown error is permanent")
}
