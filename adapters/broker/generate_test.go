package broker_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/broker"
	"github.com/quire-ci/quire-project/domain"
)

// runIDs generates ids that stores accept. A header cannot contain some of them.
func runIDs() *rapid.Generator[domain.RunID] {
	odd := []string{"nightly", " ", "%2F", "a/b?c=d&e+f", "ç\u202e", "\x00", "a\r\nb: c", "🙂", "\uFFFD", strings.Repeat("é", 256)}
	return rapid.Custom(func(t *rapid.T) domain.RunID {
		id := rapid.OneOf(rapid.SampledFrom(odd), rapid.StringN(1, 20, 512)).Draw(t, "run")
		return domain.RunID(strings.ToValidUTF8(id, "?"))
	})
}

// lines generates whole lines, some of them empty.
func lines() *rapid.Generator[[]byte] {
	line := rapid.SliceOfN(rapid.ByteRange('a', 'e'), 0, 20)
	return rapid.Custom(func(t *rapid.T) []byte {
		all := []byte{}
		for _, line := range rapid.SliceOfN(line, 0, 12).Draw(t, "lines") {
			all = append(append(all, line...), '\n')
		}
		return all
	})
}

// streams generates whole streams: lines and, in some, a tail.
func streams() *rapid.Generator[[]byte] {
	return rapid.Custom(func(t *rapid.T) []byte {
		return append(lines().Draw(t, "stream"), rapid.SliceOfN(rapid.ByteRange('t', 'z'), 0, 20).Draw(t, "tail")...)
	})
}

// segments generates segments of any stream.
func segments() *rapid.Generator[domain.Segment] {
	return rapid.Custom(func(t *rapid.T) domain.Segment {
		segment := domain.Segment{
			Run:    runIDs().Draw(t, "run"),
			Offset: rapid.OneOf(rapid.Int64Range(0, 1000), rapid.Int64Range(0, 1<<62)).Draw(t, "offset"),
			Data:   append(rapid.SliceOf(rapid.Byte()).Draw(t, "data"), '\n'),
			Tail:   rapid.Bool().Draw(t, "tail"),
		}
		if segment.Tail {
			segment.Data = append([]byte("{"), bytes.ReplaceAll(segment.Data, []byte("\n"), nil)...)
		}
		if rapid.Bool().Draw(t, "digest known") {
			segment.SHA256 = sha256.Sum256(segment.Data)
		}
		return segment
	})
}

// checkAddUp fails unless segments are those of a stream, from its start.
func checkAddUp(t rapid.TB, run domain.RunID, stream []byte, segments []domain.Segment) {
	t.Helper()
	var read []byte
	for i, s := range segments {
		if s.Run != run || s.Offset != int64(len(read)) || len(s.Data) == 0 && len(stream) > 0 {
			t.Fatalf("segment %d of %q is %q at %d with %d bytes, want offset %d", i, run, s.Run, s.Offset, len(s.Data), len(read))
		}
		read = append(read, s.Data...)
		if s.SHA256 != sha256.Sum256(read) {
			t.Fatalf("segment %d: the digest is not that of the first %d bytes", i, len(read))
		}
		if whole := bytes.HasSuffix(s.Data, []byte("\n")); whole == s.Tail && len(stream) > 0 || s.Tail && i != len(segments)-1 {
			t.Fatalf("segment %d of %d: it ends in a line feed: %t, tail: %t", i, len(segments), whole, s.Tail)
		}
	}
	if !bytes.Equal(read, stream) {
		t.Fatalf("the segments add up to %q, want %q", read, stream)
	}
}

// recorder is a publisher that keeps its messages.
type recorder struct {
	mu       sync.Mutex
	calls    [][]*message.Message
	topics   []string
	onTopics func(topic string, messages []*message.Message) error // before it is kept
}

func (r *recorder) Publish(topic string, messages ...*message.Message) error {
	if r.onTopics != nil {
		if err := r.onTopics(topic, messages); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls, r.topics = append(r.calls, messages), append(r.topics, topic)
	return nil
}

func (r *recorder) Close() error { return nil }

func (r *recorder) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.calls)
}

// segments returns the segments of all messages in the order of publishing, without repeated UUIDs.
func (r *recorder) segments(t rapid.TB) []domain.Segment {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []domain.Segment
	known := map[string]bool{}
	for _, call := range r.calls {
		for _, msg := range call {
			if known[msg.UUID] {
				continue
			}
			known[msg.UUID] = true
			segment, err := broker.Segment(msg)
			require.NoError(t, err)
			all = append(all, segment)
		}
	}
	return all
}

// longStream returns a stream of about size bytes.
func longStream(tb testing.TB, size int) []byte {
	tb.Helper()
	var b bytes.Buffer
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, `{"at_ms":%d,"type":"sh_started","job_id":"build-%d","cmd":"go test ./package%d/..."}`+"\n", 1795444880217+i, i%7, i)
	}
	return b.Bytes()
}
