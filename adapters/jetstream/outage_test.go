package jetstream

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/quire-ci/quire-project/adapters/internal/natstest"
)

// A server that is restarted is found again, by who publishes and who
// subscribes, and nothing is lost.
func TestRestart(t *testing.T) {
	server := natstest.New(t)
	b := openWith(t, server.URL(), quick)
	sub := b.Subscriber()
	var s sink
	go s.drink(subscribe(t, sub, b.AllTopics()))
	publish(t, b, b.Topic(0), numbered(0, 10)...)
	eventually(t, "10 are handled", 5*time.Second, func() bool { return s.len() == 10 })
	for round := range 2 {
		server.Stop()
		published := make(chan error)
		go func() { published <- b.Publisher().Publish(b.Topic(1), numbered(0, 10)...) }()
		time.Sleep(time.Duration(round) * 1500 * time.Millisecond) // within the lease, and longer
		server.Start()
		if err := <-published; err != nil {
			t.Fatal(err)
		}
		eventually(t, "10 more are handled", 10*time.Second, func() bool { return s.len() == 20+10*round })
	}
	for uuid, n := range s.seen {
		if n != 1 {
			t.Errorf("%s was delivered %d times", uuid, n)
		}
	}
}

// Publishing ends with the context of a message, and with the time it has.
func TestPublishGivesUp(t *testing.T) {
	server := natstest.New(t)
	b := openWith(t, server.URL(), with(func(o *Options) { o.PublishTimeout = 600 * time.Millisecond }))
	server.Stop()
	start := time.Now()
	if err := b.Publisher().Publish(b.Topic(0), numbered(0, 3)...); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if took := time.Since(start); took < 500*time.Millisecond || took > 3*time.Second {
		t.Error(took)
	}
	m := numbered(0, 1)[0]
	ctx, cancel := context.WithCancelCause(context.Background())
	m.SetContext(ctx)
	reason := errors.New("a reason")
	time.AfterFunc(100*time.Millisecond, func() { cancel(reason) })
	if err := b.Publisher().Publish(b.Topic(0), numbered(0, 1)[0], m); !errors.Is(err, reason) {
		t.Error(err)
	}
	closing := with(func(o *Options) { o.PublishTimeout = time.Minute })
	server.Start()
	b = openWith(t, server.URL(), closing)
	server.Stop()
	time.AfterFunc(100*time.Millisecond, func() { b.Close() })
	if err := b.Publisher().Publish(b.Topic(0), numbered(0, 1)...); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	server.Start()
}

// A consumer that somebody deletes is made again. It begins from the start.
func TestConsumerDeleted(t *testing.T) {
	b := openWith(t, natstest.New(t).URL(), quick)
	messages := subscribe(t, b.Subscriber(), b.Topic(0))
	publish(t, b, b.Topic(0), numbered(0, 1)...)
	next(t, messages).Ack()
	if err := b.js.DeleteConsumer(context.Background(), b.options.Stream, b.consumer(0)); err != nil {
		t.Fatal(err)
	}
	publish(t, b, b.Topic(0), numbered(1, 1)...)
	for m := next(t, messages); ; m = next(t, messages) {
		m.Ack()
		if string(m.Payload) == "1" {
			break
		}
	}
}

// With three servers, one can be killed and come back: nothing is lost, and
// nothing comes again that was acked long before.
func TestClusterLosesAServer(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a cluster")
	}
	cluster := natstest.NewCluster(t)
	o := with(func(o *Options) {
		o.Replicas, o.Partitions, o.Lease, o.PublishTimeout = 3, 4, 2*time.Second, 25*time.Second
	})
	publisher, b := openWith(t, cluster.URL(), o), openWith(t, cluster.URL(), o)
	for _, name := range []string{"quire", "quire-poison", "KV_quire-workers"} {
		stream, err := b.js.Stream(context.Background(), name)
		if err != nil || stream.CachedInfo().Config.Replicas != 3 {
			t.Fatal(name, err)
		}
	}
	var s sink
	go s.drink(subscribe(t, b.Subscriber(), b.AllTopics()))
	early := numbered(0, 100)
	publish(t, publisher, publisher.Topic(0), early...)
	eventually(t, "the first are handled", 15*time.Second, func() bool { return s.len() == 100 })
	time.Sleep(300 * time.Millisecond) // their acks are everywhere

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
			if err := publisher.Publisher().Publish(publisher.Topic(n%4), numbered(n, 5)...); err != nil {
				t.Error(err)
			}
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
	eventually(t, "all are handled", 20*time.Second, func() bool { return s.len() == published })
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range early {
		if s.seen[m.UUID] != 1 {
			t.Errorf("%s was delivered %d times", m.Payload, s.seen[m.UUID])
		}
	}
	t.Logf("%d messages", published)
}

// Replicas can be raised later.
func TestMoreReplicas(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a cluster")
	}
	cluster := natstest.NewCluster(t)
	one := openWith(t, cluster.URL(), quick)
	publish(t, one, one.Topic(0), message.NewMessage("a", nil))
	openWith(t, cluster.URL(), with(func(o *Options) { o.Replicas = 3 }))
	for _, name := range []string{"quire", "quire-poison", "KV_quire-workers"} {
		stream, err := one.js.Stream(context.Background(), name)
		if err != nil || stream.CachedInfo().Config.Replicas != 3 {
			t.Error(name, err)
		}
	}
	next(t, subscribe(t, one.Subscriber(), one.Topic(0))).Ack()
}
