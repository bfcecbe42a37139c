package otlp

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/follow"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/tail"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/laws"
)

// sentSpans returns the spans that the collector has accepted, each encoded, in order.
func (c *collector) sentSpans(t rapid.TB) (found []string) {
	for _, span := range spansOf(t, c.traces(t)) {
		found = append(found, encode(t, span))
	}
	return found
}

func encode(t rapid.TB, span decoded) string {
	traces := ptrace.NewTraces()
	span.CopyTo(traces.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty())
	var encoder ptrace.JSONMarshaler
	text, err := encoder.MarshalTraces(traces)
	require.NoError(t, err)
	return fmt.Sprint(span.resource) + string(text)
}

// written returns the spans in a file written from a stream, each encoded, in order.
func written(t rapid.TB, stream []domain.Entry) (found []string) {
	for _, span := range spansOf(t, read(t, write(t, stream, Options{}))) {
		found = append(found, encode(t, span))
	}
	return found
}

func sum(data []byte) [sha256.Size]byte { return sha256.Sum256(data) }

func lines(t rapid.TB, stream []domain.Entry) (all [][]byte) {
	for i := range stream {
		line, err := jsonl.Append(nil, &stream[i].Event)
		require.NoError(t, err)
		all = append(all, line)
	}
	return all
}

// driver drives a sink as package follow does.
type driver struct {
	t      rapid.TB
	sink   follow.Sink
	source jsonl.Location
	data   []byte // of the file
}

func (d *driver) segment(from, to int) (domain.Segment, []domain.Entry) {
	segment := domain.Segment{Run: runID, Offset: int64(from), Data: d.data[from:to], SHA256: sum(d.data[:to])}
	var found []domain.Entry
	_, err := jsonl.NewSegments(jsonl.Options{}).Decode(&segment, jsonl.NewSegments(jsonl.Options{}).ReadOptions(), int64(bytes.Count(d.data[:from], []byte("\n"))), func(e *domain.Entry) { found = append(found, *e) })
	require.NoError(d.t, err)
	return segment, found
}

// However a stream grows, is released and read again, and though the collector is busy now and
// then, each span is sent once, when its row is final. In the end, the spans are those that a file
// would have.
func TestSinkLaw(t *testing.T) {
	c := &collector{}
	client := c.start(t, ClientOptions{GiveUp: -1})
	path := filepath.Join(t.TempDir(), "run-1.jsonl")
	rapid.Check(t, func(r *rapid.T) {
		stream := laws.Entries(laws.Events().Draw(r, "stream"))
		c.mu.Lock()
		c.bodies = nil
		c.answer = func(attempt int, w http.ResponseWriter) {
			if attempt%3 == 0 {
				w.WriteHeader(503)
			}
		}
		c.mu.Unlock()
		d := &driver{t: r, sink: client.Sink(Options{}, jsonl.Options{}), source: jsonl.Location{Path: path, Run: runID}}
		want := written(r, stream)
		known, err := d.sink.Begin(t.Context(), d.source)
		require.NoError(r, err)
		for i, line := range lines(r, stream) {
			from := len(d.data)
			d.data = append(d.data, line...)
			require.NoError(r, os.WriteFile(path, d.data, 0o600))
			if rapid.IntRange(0, 9).Draw(r, "released") == 0 {
				_, err := d.sink.Release(t.Context(), d.source, known)
				require.NoError(r, err)
				known, err = d.sink.Begin(t.Context(), d.source)
				require.NoError(r, err)
				assert.Equal(r, int64(from), known.Bytes)
			}
			segment, found := d.segment(from, len(d.data))
			err = d.sink.Write(t.Context(), d.source, segment, found)
			if errors.Is(err, follow.ErrStale) {
				known, err = d.sink.Derive(t.Context(), d.source, err)
				assert.Equal(r, domain.Mark{Bytes: int64(len(d.data)), Lines: int64(i + 1), SHA256: sum(d.data)}, known.Mark)
			}
			require.NoError(r, err)
			sent := c.sentSpans(r)
			require.LessOrEqual(r, len(sent), len(want))
			require.True(r, slices.Equal(want[:len(sent)], sent))
		}
		known.Over = true
		known, err = d.sink.Release(t.Context(), d.source, known)
		require.NoError(r, errors.Join(err, d.sink.Close()))
		require.True(r, slices.Equal(want, c.sentSpans(r)))
	})
}

// A rewritten stream is sent again. A stream that continues after its end is sent again as far as
// its spans have changed.
func TestSinkRewritten(t *testing.T) {
	c := &collector{}
	client := c.start(t, ClientOptions{})
	path := filepath.Join(t.TempDir(), "run-1.jsonl")
	source := jsonl.Location{Path: path, Run: runID}
	sink := client.Sink(Options{}, jsonl.Options{})
	first := laws.Entries([]domain.Event{domain.NewJobStarted(1, "a"), domain.NewJobFinished(2, "a", domain.Complete), domain.NewRunFinished(3, domain.Complete)})
	after := append(slices.Clone(first), laws.Entries([]domain.Event{domain.NewJobStarted(4, "b")})...)
	other := laws.Entries([]domain.Event{domain.NewJobStarted(5, "c")})
	derive := func(reason error, stream []domain.Entry) []string {
		c.mu.Lock()
		c.bodies = nil
		c.mu.Unlock()
		data := bytes.Join(lines(t, stream), nil)
		require.NoError(t, os.WriteFile(path, append(data, "{half"...), 0o600))
		known, err := sink.Derive(t.Context(), source, reason)
		require.NoError(t, err)
		assert.Equal(t, int64(len(data)), known.Bytes)
		known.Over = true
		_, err = sink.Release(t.Context(), source, known)
		require.NoError(t, err)
		return c.sentSpans(t)
	}
	assert.Equal(t, written(t, first), derive(follow.ErrStale, first))
	assert.Equal(t, written(t, after)[1:], derive(follow.ErrStale, after), "the job a was sent before")
	assert.Equal(t, written(t, other), derive(fmt.Errorf("%w", tail.ErrRewritten), other))
	assert.Equal(t, written(t, first), derive(follow.ErrStale, first), "it is not what was known")
	_, err := sink.Derive(t.Context(), jsonl.Location{Path: jsonl.Stdin, Run: runID}, follow.ErrStale)
	assert.ErrorIs(t, err, follow.ErrStale, "a pipe cannot be read again")
}

// Following a file sends its spans, and ends with its run. An error of the collector ends it with
// that error. If following is cancelled, no span says that the run has ended.
func TestFollow(t *testing.T) {
	c := &collector{}
	client := c.start(t, ClientOptions{GiveUp: -1})
	path := filepath.Join(t.TempDir(), "run-1.jsonl")
	stream := laws.Entries([]domain.Event{domain.NewJobStarted(1, "a"), domain.NewShStarted(2, "a", "x"), domain.NewShFinished(3, "a", 0), domain.NewRunFinished(4, domain.Failed)})
	all := lines(t, stream)
	require.NoError(t, os.WriteFile(path, bytes.Join(all[:3], nil), 0o600))
	options := func() follow.Options {
		return follow.Options{Run: runID, Sink: client.Sink(Options{}, jsonl.Options{})}
	}
	start := func(ctx context.Context) <-chan error {
		done := make(chan error, 1)
		go func() {
			_, err := follow.Follow(ctx, path, options())
			done <- err
		}()
		return done
	}
	await := func(n int) {
		require.Eventually(t, func() bool { return len(c.sentSpans(t)) == n }, 5*time.Minute, time.Millisecond)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := start(ctx)
	await(1)
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	assert.Len(t, c.sentSpans(t), 1)

	done = start(t.Context())
	await(2) // again, after a restart
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = file.Write(all[3])
	require.NoError(t, errors.Join(err, file.Close(), <-done))
	want := written(t, stream)
	assert.Equal(t, append(want[:1:1], want...), c.sentSpans(t))

	c.answer = func(_ int, w http.ResponseWriter) { w.WriteHeader(401) }
	var failed *SendError
	require.ErrorAs(t, <-start(t.Context()), &failed)
	assert.Equal(t, 401, failed.Status)
}

// A run whose writer has gone is sent as one without an end.
func TestFollowGone(t *testing.T) {
	c := &collector{}
	client := c.start(t, ClientOptions{})
	path := filepath.Join(t.TempDir(), "run-1.jsonl")
	require.NoError(t, os.WriteFile(path, append(bytes.Join(lines(t, someRun), nil), "{half"...), 0o600))
	gone := make(chan struct{})
	close(gone)
	summary, err := follow.Follow(t.Context(), path, follow.Options{Run: runID, Sink: client.Sink(Options{}, jsonl.Options{}), WriterGone: gone})
	require.NoError(t, err)
	assert.Equal(t, 1, summary.Active)
	assert.Equal(t, written(t, someRun), c.sentSpans(t))

	c.answer = func(_ int, w http.ResponseWriter) { w.WriteHeader(400) }
	_, err = follow.Read(t.Context(), bytes.NewReader(lines(t, someRun)[0]), jsonl.Location{Path: jsonl.Stdin, Run: runID}, follow.Options{Sink: client.Sink(Options{}, jsonl.Options{})})
	var failed *SendError
	require.ErrorAs(t, err, &failed, "what is sent at the end is not taken either")
}

// The page of the docs names every attribute and every type of error.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/opentelemetry.md")
	require.NoError(t, err)
	named := func(word any) { assert.Contains(t, string(page), "`"+word.(string)+"`") }
	seen := map[string]bool{}
	labels := []domain.Label{{Key: "repo", Value: "https://e.com/a"}, {Key: "ref", Value: "refs/heads/a"}, {Key: "sha", Value: "1"}, {Key: "url", Value: "https://e.com/1"}, {Key: "KEY", Value: "x"}}
	for _, span := range spansOf(t, read(t, write(t, laws.Entries([]domain.Event{
		laws.RunStarted(1, labels...), domain.NewJobStarted(2, "a"), domain.NewShStarted(2, "a", "x"), domain.NewShFinished(1, "a", 1), domain.NewShStarted(2, "a", "x"),
		domain.NewJobFinished(3, "a", domain.Failed), domain.NewRunFinished(4, domain.Failed),
	}), Options{Commands: true}))) {
		for key, value := range span.Attributes().AsRaw() {
			seen[key] = true
			if strings.HasSuffix(key, ".result") || key == attrErrorType {
				named(value)
			}
		}
		for key := range span.resource {
			seen[key] = true
		}
	}
	for key := range seen {
		named(key)
	}
	assert.Len(t, seen, 24)
}
