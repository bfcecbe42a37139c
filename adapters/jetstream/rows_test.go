package jetstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/broker"
	"github.com/quire-ci/quire-project/adapters/internal/waittest"
	"github.com/quire-ci/quire-project/adapters/jetstream/natstest"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// site has runs whose streams are sent, and a store for their rows.
type site struct {
	t       *testing.T
	streams map[domain.RunID][]byte
	store   *memory.Store
	applied atomic.Int64 // segments
}

func newSite(t *testing.T) *site {
	return &site{t: t, streams: map[domain.RunID][]byte{}, store: memory.New()}
}

// stream returns the stream of a run with a job of many sh.
func stream(run, events int) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"at_ms":%d,"type":"job_started","job_id":"build"}`+"\n", run)
	for i := range events / 2 {
		fmt.Fprintf(&b, `{"at_ms":%d,"type":"sh_started","job_id":"build","cmd":"make %d"}`+"\n", run+2*i, i)
		fmt.Fprintf(&b, `{"at_ms":%d,"type":"sh_finished","job_id":"build","exit_code":%d}`+"\n", run+2*i+1, i%3)
	}
	return b.Bytes()
}

// project starts a worker with a separate router and projector. It handles some messages twice, and
// fails on some.
func (s *site) project(b *Broker) {
	s.t.Helper()
	projector := store.NewProjector(s.store, jsonl.NewSegments(jsonl.Options{}), store.ProjectorOptions{
		Source: func(domain.RunID) string { return "a test" }, Grace: time.Millisecond, GapTimeout: time.Hour,
	})
	options := broker.Options{FirstDelay: time.Millisecond, MostDelay: 10 * time.Millisecond}
	router, err := broker.NewRouter(b.Subscriber(), b.Publisher(), []string{b.AllTopics()}, b.Poison(), counted{projector, &s.applied}, options)
	require.NoError(s.t, err)
	router.AddMiddleware(middleware.Duplicator, middleware.RandomFail(0.02))
	ended := make(chan error, 1)
	go func() { ended <- router.Run(context.Background()) }()
	s.t.Cleanup(func() {
		assert.NoError(s.t, router.Close())
		assert.NoError(s.t, <-ended)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		assert.NoError(s.t, projector.Close(ctx))
	})
}

// counted counts applied segments.
type counted struct {
	*store.Projector
	applied *atomic.Int64
}

func (c counted) Apply(ctx context.Context, segment domain.Segment) error {
	err := c.Projector.Apply(ctx, segment)
	if err == nil {
		c.applied.Add(1)
	}
	return err
}

// pause is the time between lines that are sent.
const pause = 3 * time.Millisecond

// send publishes the streams of more runs side by side, half of them line by
// line.
func (s *site) send(b *Broker, runs, events int) (wait func()) {
	publisher := broker.NewPublisher(b.Publisher(), b, broker.PublishOptions{SegmentBytes: 400})
	var sending sync.WaitGroup
	for i := range runs {
		run, stream := domain.RunID(fmt.Sprintf("run-%d", len(s.streams))), stream(len(s.streams), events)
		s.streams[run] = stream
		if i%2 == 0 {
			sending.Go(func() { s.sendLines(publisher, run, stream) })
			continue
		}
		sending.Go(func() {
			_, err := publisher.PublishStream(context.Background(), run, slow{bytes.NewReader(stream)})
			assert.NoError(s.t, err)
		})
	}
	return sending.Wait
}

// sendLines publishes a stream a line at a time.
func (s *site) sendLines(publisher *broker.Publisher, run domain.RunID, stream []byte) {
	for segment, err := range broker.Cut(bytes.NewReader(stream), run, 150) {
		assert.NoError(s.t, err)
		_, err = publisher.Publish(context.Background(), segment)
		assert.NoError(s.t, err)
		time.Sleep(pause)
	}
}

// slow is a stream that is read a little at a time.
type slow struct{ io.Reader }

func (s slow) Read(p []byte) (int, error) {
	time.Sleep(pause)
	return s.Reader.Read(p[:min(len(p), 500)])
}

// waitForRows waits until the rows are those of the streams, and no run waits.
func (s *site) waitForRows() {
	s.t.Helper()
	folder := s.t.TempDir()
	for run, stream := range s.streams {
		require.NoError(s.t, os.WriteFile(filepath.Join(folder, string(run)+".jsonl"), stream, 0o600))
	}
	var wrong []string
	same := func() bool { wrong = s.differences(folder); return len(wrong) == 0 }
	require.True(s.t, waittest.Until(same), "%d differences: %s", len(wrong), wrong)
}

func (s *site) differences(folder string) (all []string) {
	ctx := context.Background()
	options := store.VerifyOptions{Found: func(d store.Difference) { all = append(all, fmt.Sprintf("%+v", d)) }}
	require.NoError(s.t, store.Verify(ctx, s.store, jsonl.Folder(folder), options))
	waiting, err := s.store.Waiting(ctx)
	require.NoError(s.t, err)
	for _, w := range waiting {
		all = append(all, fmt.Sprintf("waiting: %+v", w))
	}
	return all
}

// whileSending does something while the streams of a few more runs are sent.
func (s *site) whileSending(b *Broker, do func()) {
	s.t.Helper()
	before := s.applied.Load()
	wait := s.send(b, 6, 150)
	eventually(s.t, "the first of them are applied", func() bool { return s.applied.Load() > before })
	do()
	wait()
}

// The rows are those of the streams, although two workers handle some messages twice or not at the
// first try, and the broker forgets which messages were acked and sends them again.
func TestRows(t *testing.T) {
	t.Parallel()
	server := natstest.New(t)
	o := with(func(o *Options) { o.Partitions, o.lease = 4, 5*time.Second })
	b := openWith(t, server.URL(), o)
	s := newSite(t)
	s.project(openWith(t, server.URL(), o))
	s.project(openWith(t, server.URL(), o))
	for range 2 {
		s.whileSending(b, func() {
			for partition := range b.Partitions() {
				// It may not be there yet.
				_ = b.js.DeleteConsumer(context.Background(), b.options.Stream, b.consumer(partition))
			}
		})
	}
	s.waitForRows()
	acked(t, b)
}

// Messages that a server has confirmed survive when the server is killed.
func TestServerKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("runs another process")
	}
	t.Parallel()
	server := natstest.New(t)
	address := server.URL()
	server.Stop()
	server.StartProcess()
	o := with(func(o *Options) { o.Partitions, o.lease = 4, 5*time.Second })
	b := openWith(t, address, o)
	s := newSite(t)
	s.project(openWith(t, address, o))
	for range 2 {
		s.whileSending(b, func() { server.Kill(); server.StartProcess() })
	}
	s.waitForRows()
	acked(t, b)
}

// A run whose segments are all refused, and messages that are no segments and too large for the poison
// topic, do not hold up another run of the partition, although there are many times as many as may be
// in flight. The run's messages stay at the broker.
func TestOthersContinue(t *testing.T) {
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
		m.Metadata.Set("X", strings.Repeat("x", 65_300)) // no room is left for the reason
		sent = append(sent, m)
	}
	publish(t, b, b.Topic(0), append(sent, broker.Message(domain.Segment{Run: "good", Data: []byte("x\n")}))...)
	eventually(t, "the good run is applied", func() bool { return len(good) == 1 })
	stream, err := b.js.Stream(t.Context(), b.Poison())
	require.NoError(t, err)
	eventually(t, "the poison topic has the messages that are no segments", func() bool {
		info, err := stream.Info(t.Context())
		return err == nil && info.State.Msgs == hostile
	})
	open.Store(true)
	eventually(t, "the refused segments come again", func() bool { return bad.Load() == refused })
	acked(t, b)
}
