package broker_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"math/rand/v2"
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

// projectorFunc is a projector that is a function.
type projectorFunc func(ctx context.Context, segment domain.Segment) error

func (f projectorFunc) Apply(ctx context.Context, segment domain.Segment) error {
	return f(ctx, segment)
}

// handingOver is a projector that sends its segments to a channel.
func handingOver() (p broker.Projector, applied <-chan domain.Segment) {
	segments := make(chan domain.Segment, 9)
	return projectorFunc(func(ctx context.Context, segment domain.Segment) error {
		segments <- segment
		return ctx.Err()
	}), segments
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
					return // held messages are not acknowledged
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

// hurried are options that retry at once.
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

// send publishes the first segment of the run r.
func send(t *testing.T, pub message.Publisher) {
	t.Helper()
	p := broker.NewPublisher(pub, broker.FixedTopics("q", 1), broker.PublishOptions{GiveUp: time.Second})
	data := []byte("a\n")
	_, err := p.Publish(t.Context(), domain.Segment{Run: "r", Data: data, SHA256: sha256.Sum256(data)})
	require.NoError(t, err)
}

// within receives from c, and fails the test if that takes too long.
func within[T any](t *testing.T, what string, c <-chan T) (value T) {
	t.Helper()
	select {
	case value = <-c:
	case <-time.After(5 * time.Minute):
		t.Fatal("it takes too long: ", what)
	}
	return value
}

var errStore = errors.New("the store is down")
