package broker

import (
	"context"
	"errors"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"

	"github.com/quire-ci/quire-project/projections/store"
)

// NewRouter returns a Watermill router that reads topics with sub and applies their segments with p.
// It publishes other messages to poisonTopic with pub. The router does not close pub, but a Watermill
// router closes its subscriber when it is closed itself. When you close the router, or end the context
// of Run, it finishes the current segments.
//
// The router's middleware, from the outside in: the poison topic, retries, a timeout for each attempt,
// panics as errors, the handler. Middleware that you add is inside of these. There is no deduplicator,
// because a deduplicator would treat a failed message as done.
func NewRouter(sub message.Subscriber, pub message.Publisher, topics []string, poisonTopic string, p Projector, options Options) (*message.Router, error) {
	options = options.withDefaults()
	logger := newLogger(options.Logger)
	// Handlers have their grace, and then some time to acknowledge.
	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: options.Grace + 5*time.Second}, logger)
	if err != nil {
		return nil, err
	}
	poison := &poisonQueue{out: pub, topic: poisonTopic, options: options}
	router.AddMiddleware(poison.middleware, retry(options, logger), middleware.Timeout(options.Timeout), middleware.Recoverer)
	handler := Handler(p, options)
	for _, topic := range topics {
		router.AddConsumerHandler(topic, topic, sub, handler)
	}
	return router, nil
}

func retry(options Options, logger watermill.LoggerAdapter) message.HandlerMiddleware {
	return middleware.Retry{
		MaxRetries:      options.Tries - 1,
		InitialInterval: options.FirstDelay,
		MaxInterval:     options.MostDelay,
		// Watermill computes the next interval twice per attempt.
		Multiplier:          1.5,
		RandomizationFactor: 0.5,
		// A store that refuses one run will not accept it soon, and other messages would wait. The
		// broker delivers such a message again later.
		ShouldRetry: func(params middleware.RetryParams) bool {
			return store.IsAway(params.Err) || errors.Is(params.Err, context.DeadlineExceeded)
		},
		// Otherwise each attempt after a timeout would start with an expired context.
		ResetContextOnRetry: true,
		Logger:              logger,
	}.Middleware
}
