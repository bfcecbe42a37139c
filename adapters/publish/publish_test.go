package publish_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/broker"
	"github.com/quire-ci/quire-project/adapters/internal/waittest"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/publish"
	"github.com/quire-ci/quire-project/domain"
)

// taken is a broker that keeps its streams and sometimes fails.
type taken struct {
	t        testing.TB
	mu       sync.Mutex
	streams  map[string]string
	failures int
}

func (b *taken) Publish(_ string, messages ...*message.Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failures > 0 {
		b.failures--
		return errors.New("the broker is away")
	}
	for _, m := range messages {
		assert.NoError(b.t, broker.Handler(b, broker.Options{})(m))
	}
	return nil
}

// Apply receives a segment.
func (b *taken) Apply(_ context.Context, segment domain.Segment) error {
	run := string(segment.Run)
	if segment.Offset != int64(len(b.streams[run])) {
		b.t.Errorf("a segment at %d of %d", segment.Offset, len(b.streams[run]))
	}
	b.streams[run] += string(segment.Data)
	assert.Equal(b.t, sha256.Sum256([]byte(b.streams[run])), segment.SHA256, "the digest at %d", segment.End())
	return nil
}

func (b *taken) Close() error { return nil }

func (b *taken) stream(run string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.streams[run]
}

func newPublication(t testing.TB, failures int) (*taken, *publish.Publication) {
	b := &taken{t: t, streams: map[string]string{}, failures: failures}
	options := broker.PublishOptions{FirstDelay: time.Microsecond, MostDelay: time.Microsecond, SegmentBytes: 200}
	return b, publish.New(broker.NewPublisher(b, broker.FixedTopics("q", 1), options), publish.Options{MaxMessage: 200})
}

const (
	started = `{"at_ms":1,"type":"job_started","job_id":"a"}` + "\n"
	ended   = `{"at_ms":3,"type":"run_finished","outcome":"pipeline_failure"}` + "\n"
)

// The whole stream arrives, with its last line, however it is written and even if the broker fails.
func TestPublishLaw(t *testing.T) {
	folder := t.TempDir()
	n := 0
	rapid.Check(t, func(r *rapid.T) {
		n++
		path := filepath.Join(folder, fmt.Sprint(n)+".jsonl")
		line := rapid.SampledFrom([]string{started, "\n", "no event\n", started + started})
		stream := strings.Join(rapid.SliceOfN(line, 0, 9).Draw(r, "lines"), "") + ended + rapid.SampledFrom([]string{"", started, "half"}).Draw(r, "rest")
		b, p := newPublication(t, rapid.IntRange(0, 3).Draw(r, "failures"))
		at := jsonl.Locate(path)
		end := strings.Index(stream, ended) + len(ended) // a run that has ended is not waited for
		cut := rapid.IntRange(0, end-1).Draw(r, "cut")
		write(r, path, stream[:cut])
		done := make(chan error, 1)
		if rapid.Bool().Draw(r, "grows") {
			go func() { done <- p.Follow(t.Context(), path, at.Run) }()
			if rapid.Bool().Draw(r, "wait") {
				await(r, func() bool { return strings.HasPrefix(stream[:cut], b.stream(string(at.Run))) })
			}
			add(r, path, stream[cut:])
		} else {
			write(r, path, stream)
			done <- p.All(t.Context(), jsonl.Walk(path))
		}
		if err := <-done; err != nil || b.stream(string(at.Run)) != stream {
			r.Fatalf("%v; it is %q\nwant %q", err, b.stream(string(at.Run)), stream)
		}
		if s := p.Summary(); s.Runs != 1 || len(s.Skipped) > 0 || s.Bytes != int64(len(stream)) {
			r.Fatalf("%+v of %d bytes", s, len(stream))
		}
	})
}

// A run that was released or that has ended continues when its stream grows; one that was
// rewritten does not, and is reported.
func TestPublishContinues(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "run.jsonl")
	b, p := newPublication(t, 0)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Follow(ctx, folder, "") }()
	stream := started + ended
	write(t, path, stream)
	await(t, func() bool { return b.stream("run") == stream })
	for range 3 {
		stream += started
		add(t, path, started)
		await(t, func() bool { return b.stream("run") == stream })
	}
	write(t, path, strings.Repeat(ended, 9))
	write(t, filepath.Join(folder, "other.jsonl"), ended)
	await(t, func() bool { return b.stream("other") == ended })
	time.Sleep(50 * time.Millisecond)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) || b.stream("run") != stream {
		t.Errorf("%v; it is %q\nwant %q", err, b.stream("run"), stream)
	}
	assert.Equal(t, 2, p.Summary().Runs)
}

func write(t rapid.TB, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o666))
}

func add(t rapid.TB, path, text string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0o666)
	require.NoError(t, err)
	defer file.Close()
	if _, err := file.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func await(t rapid.TB, is func() bool) {
	t.Helper()
	require.True(t, waittest.Until(is))
}
