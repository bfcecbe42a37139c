package broker_test

import (
	"context"
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"

	"github.com/quire-ci/quire-project/adapters/broker"
	"github.com/quire-ci/quire-project/domain"
)

// A stream goes through a broker, which here is one in memory.
func Example() {
	pubSub := gochannel.NewGoChannel(gochannel.Config{}, watermill.NopLogger{})
	topics := broker.FixedTopics("quire", 4)

	applied := make(chan domain.Segment)
	projector := projectorFunc(func(_ context.Context, segment domain.Segment) error {
		applied <- segment
		return nil
	})
	router, err := broker.NewRouter(pubSub, pubSub, []string{"quire.0", "quire.1", "quire.2", "quire.3"}, "quire-poison", projector, broker.Options{})
	if err != nil {
		log.Fatal(err)
	}
	go router.Run(context.Background())
	<-router.Running()

	publisher := broker.NewPublisher(pubSub, topics, broker.PublishOptions{GiveUp: time.Minute})
	stream := strings.NewReader(`{"at_ms":100,"type":"job_started","job_id":"build"}` + "\n")
	stats, err := publisher.PublishStream(context.Background(), "nightly-42", stream)
	if err != nil {
		log.Fatal(err)
	}
	segment := <-applied
	fmt.Printf("%d bytes sent; %s: %d bytes at %d\n", stats.Bytes, segment.Run, len(segment.Data), segment.Offset)
	if err := router.Close(); err != nil {
		log.Fatal(err)
	}
	// Output: 52 bytes sent; nightly-42: 52 bytes at 0
}

// An orchestrator with a router of its own adds a handler to it.
func ExampleHandler() {
	pubSub := gochannel.NewGoChannel(gochannel.Config{}, watermill.NopLogger{})
	router := message.NewDefaultRouter(watermill.NopLogger{})
	projector := projectorFunc(func(context.Context, domain.Segment) error { return nil })

	router.AddConsumerHandler("rows", "quire.0", pubSub, broker.Handler(projector, broker.Options{Grace: 5 * time.Second}))
	fmt.Println(len(router.Handlers()))
	// Output: 1
}
