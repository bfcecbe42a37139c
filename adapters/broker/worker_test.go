package broker_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/broker"
	"github.com/quire-ci/quire-project/domain"
)

// inOrder is a projector whose rows are the bytes of the streams. It applies a
// segment that is the next one of its run, drops it if it was, and holds others.
type inOrder struct {
	mu     sync.Mutex
	stored map[domain.RunID][]byte
	held   map[domain.RunID]map[int64]domain.Segment
	wrong  error
}

func newInOrder() *inOrder {
	return &inOrder{stored: map[domain.RunID][]byte{}, held: map[domain.RunID]map[int64]domain.Segment{}}
}

func (p *inOrder) Apply(ctx context.Context, segment domain.Segment) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if p.held[segment.Run] == nil {
		p.held[segment.Run] = map[int64]domain.Segment{}
	}
	p.held[segment.Run][segment.Offset] = segment
	for {
		checkpoint := int64(len(p.stored[segment.Run]))
		next, ok := p.held[segment.Run][checkpoint]
		if !ok {
			break
		}
		p.stored[segment.Run] = append(p.stored[segment.Run], next.Data...)
		if sha256.Sum256(p.stored[segment.Run]) != next.SHA256 {
			p.wrong = fmt.Errorf("run %q, byte %d: the digest is another", segment.Run, checkpoint)
		}
	}
	for offset := range p.held[segment.Run] {
		if offset < int64(len(p.stored[segment.Run])) {
			delete(p.held[segment.Run], offset)
		}
	}
	return nil
}

// waitFor waits until the streams are stored and nothing else is.
func (p *inOrder) waitFor(t *testing.T, streams map[domain.RunID][]byte) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		missing := p.compare(streams)
		if missing == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(missing)
		}
	}
}

func (p *inOrder) compare(streams map[domain.RunID][]byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.wrong != nil {
		return p.wrong
	}
	for run, stream := range streams {
		if got := p.stored[run]; !bytes.Equal(got, stream) {
			return fmt.Errorf("run %q has %d bytes, want %d", run, len(got), len(stream))
		}
		if n := len(p.held[run]); n > 0 {
			return fmt.Errorf("run %q: %d segments wait", run, n)
		}
	}
	if len(p.stored) != len(streams) {
		return fmt.Errorf("%d runs are stored, want %d", len(p.stored), len(streams))
	}
	return nil
}

// projectorFunc is a projector that is a function.
type projectorFunc func(ctx context.Context, segment domain.Segment) error

func (f projectorFunc) Apply(ctx context.Context, segment domain.Segment) error {
	return f(ctx, segment)
}

// shuffling is a subscriber that delivers messages later and in another order. The messages that it
// holds are not acknowledged, so it needs a broker that continues without acks.
type shuffling struct{ message.Subscriber }

func (s shuffling) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	in, err := s.Subscriber.Subscribe(ctx, topic)
	if err != nil {
		return nil, err
	}
	out := make(chan *message.Message)
	go func() {
		defer close(out)
		var held []*message.Message
		for {
			var late <-chan time.Time
			if len(held) > 0 {
				late = time.After(time.Duration(rand.IntN(2000)) * time.Microsecond)
			}
			select {
			case msg, ok := <-in:
				if !ok {
					return // what is held is not acknowledged
				}
				if held = append(held, msg); len(held) < 8 {
					continue
				}
			case <-late:
			}
			i := rand.IntN(len(held))
			select {
			case out <- held[i]:
				held = append(held[:i], held[i+1:]...)
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, nil
}

// memoryBroker is a broker in memory, which delivers messages in any order.
func memoryBroker(t *testing.T) *gochannel.GoChannel {
	t.Helper()
	b := gochannel.NewGoChannel(gochannel.Config{}, watermill.NopLogger{})
	t.Cleanup(func() { b.Close() })
	return b
}

// hurried are options that try again at once.
var hurried = broker.Options{Tries: 3, FirstDelay: time.Microsecond, MostDelay: time.Millisecond, Grace: 5 * time.Second}

// start runs a router until the test ends, or it is closed.
func start(t *testing.T, router *message.Router) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- router.Run(context.Background()) }()
	select {
	case <-router.Running():
	case err := <-ended:
		t.Fatal("the router has ended: ", err)
	}
	t.Cleanup(func() {
		assert.NoError(t, router.Close())
		assert.NoError(t, <-ended)
	})
}

func newRouter(t *testing.T, sub message.Subscriber, pub message.Publisher, topics broker.Topics, p broker.Projector, options broker.Options) *message.Router {
	t.Helper()
	var all []string
	for partition := range topics.Partitions() {
		all = append(all, topics.Topic(partition))
	}
	router, err := broker.NewRouter(sub, pub, all, "poison", p, options)
	require.NoError(t, err)
	return router
}

// send publishes the first segment of a run r.
func send(t *testing.T, pub message.Publisher) {
	t.Helper()
	p := broker.NewPublisher(pub, broker.FixedTopics("q", 1), broker.PublishOptions{GiveUp: time.Second})
	data := []byte("a\n")
	_, err := p.Publish(t.Context(), domain.Segment{Run: "r", Data: data, SHA256: sha256.Sum256(data)})
	require.NoError(t, err)
}

// within fails the test if c is not closed, or has nothing, for long.
func within[T any](t *testing.T, what string, c <-chan T) (value T) {
	t.Helper()
	select {
	case value = <-c:
	case <-time.After(20 * time.Second):
		t.Fatal("it takes too long: ", what)
	}
	return value
}

var errStore = errors.New("the store is down")
