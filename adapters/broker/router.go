package broker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"

	"github.com/quire-ci/quire-project/projections/store"
)

// Router is a Watermill router that has a handler for each partition. Close it, or
// end the context of Run, to stop: the segments at hand are finished.
type Router struct {
	*message.Router
	sub     message.Subscriber
	topics  Topics
	handler message.NoPublishHandlerFunc

	mu   sync.Mutex
	next int // partition without a handler
	// started is how many handlers have been started by Grow, or by Run itself.
	started int
	run     context.Context // of Run, once it was called
	ended   chan struct{}   // Run has returned
}

// NewRouter returns a router that reads the partitions with sub and applies what
// arrives with p. Messages that are no segments are published to poisonTopic with
// pub. Both stay the caller's, but a Watermill router closes its subscriber when it
// is closed itself.
//
// From the outside in: the poison topic, tries, a timeout for each, panics as
// errors, the handler. Middleware that is added to the router later is inside of these.
// There is no deduplicator among them: it would take a message for done that failed.
func NewRouter(sub message.Subscriber, pub message.Publisher, topics Topics, poisonTopic string, p Projector, options Options) (*Router, error) {
	options = options.withDefaults()
	logger := newLogger(options.Logger)
	// What a handler may take after it was told to stop, and then some to
	// acknowledge.
	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: options.Grace + 5*time.Second}, logger)
	if err != nil {
		return nil, err
	}
	poison := &poisonQueue{out: pub, topic: poisonTopic, options: options}
	router.AddMiddleware(poison.middleware, retry(options, logger), middleware.Timeout(options.Timeout), middleware.Recoverer)
	r := &Router{Router: router, sub: sub, topics: topics, handler: Handler(p, options), ended: make(chan struct{})}
	r.addPartitions()
	return r, nil
}

func retry(options Options, logger watermill.LoggerAdapter) message.HandlerMiddleware {
	return middleware.Retry{
		MaxRetries:      options.Tries - 1,
		InitialInterval: options.FirstDelay,
		MaxInterval:     options.MostDelay,
		// Watermill asks for the next interval twice a try.
		Multiplier:          1.5,
		RandomizationFactor: 0.5,
		// What one run is refused for does not change at once, and others wait meanwhile:
		// that is left to the broker.
		ShouldRetry: func(params middleware.RetryParams) bool {
			return store.IsAway(params.Err) || errors.Is(params.Err, context.DeadlineExceeded)
		},
		// Else each try after one that was timed out begins with no time left.
		ResetContextOnRetry: true,
		Logger:              logger,
	}.Middleware
}

// Run applies segments until ctx ends or the router is closed.
func (r *Router) Run(ctx context.Context) error {
	r.mu.Lock()
	if r.run != nil {
		r.mu.Unlock()
		return errors.New("the router is running already, or was")
	}
	r.run = ctx
	r.mu.Unlock()
	defer close(r.ended)
	return r.Router.Run(ctx)
}

// Grow reads the partitions too that have been added since the router was made,
// whether it is running or not. After an error it can be called again.
func (r *Router) Grow() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.addPartitions(); r.run == nil || r.started == r.next {
		return nil
	}
	select {
	case <-r.Running():
	case <-r.ended:
		return nil
	}
	if err := r.RunHandlers(r.run); err != nil {
		return fmt.Errorf("reading the partitions that were added, now %d: %w", r.next, err)
	}
	r.started = r.next
	return nil
}

func (r *Router) addPartitions() {
	for ; r.next < max(r.topics.Partitions(), 1); r.next++ {
		topic := r.topics.Topic(r.next)
		r.AddConsumerHandler(topic, topic, r.sub, r.handler)
	}
}
