package jetstream

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/broker"
	"github.com/quire-ci/quire-project/adapters/jetstream/natstest"
	"github.com/quire-ci/quire-project/domain"
)

// A run whose segments are all refused, and messages that are no segments and too large for the poison
// topic, do not hold up another run of the partition, although there are many times as many as may be
// in flight. The run's messages stay at the broker.
func TestOthersGoOn(t *testing.T) {
	t.Parallel()
	b := openWith(t, natstest.New(t).URL(), with(func(o *Options) { o.Partitions, o.InFlight = 1, 16 }))
	var open atomic.Bool
	good, bad := make(chan domain.Segment, 1), atomic.Int64{}
	router, err := broker.NewRouter(b.Subscriber(), b.Publisher(), []string{b.AllTopics()}, b.Poison(), projectorFunc(func(_ context.Context, s domain.Segment) error {
		switch {
		case s.Run == "good":
			good <- s
		case !open.Load():
			return errors.New("the run is refused")
		default:
			bad.Add(1)
		}
		return nil
	}), broker.Options{})
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- router.Run(context.Background()) }()
	t.Cleanup(func() {
		assert.NoError(t, errors.Join(router.Close(), <-ended))
	})
	const refused, hostile = 500, 500
	var sent []*message.Message
	for i := range refused {
		sent = append(sent, broker.Message(domain.Segment{Run: "bad", Offset: int64(2 * i), Data: []byte("x\n")}))
	}
	for range hostile {
		m := message.NewMessage("", []byte("hello"))
		m.Metadata.Set("X", strings.Repeat("x", 65_300)) // more does not fit, so that no reason does
		sent = append(sent, m)
	}
	publish(t, b, b.Topic(0), append(sent, broker.Message(domain.Segment{Run: "good", Data: []byte("x\n")}))...)
	eventually(t, "the good run is applied", func() bool { return len(good) == 1 })
	stream, err := b.js.Stream(t.Context(), b.Poison())
	require.NoError(t, err)
	eventually(t, "what is no segment is kept without what is too long", func() bool {
		info, err := stream.Info(t.Context())
		return err == nil && info.State.Msgs == hostile
	})
	open.Store(true)
	eventually(t, "what was refused comes again", func() bool { return bad.Load() == refused })
	acked(t, b)
}
