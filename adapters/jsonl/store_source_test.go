package jsonl_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

var (
	_ store.Source  = (*jsonl.StoreSource)(nil)
	_ store.Sources = jsonl.Streams{}
)

// record writes a stream to a file, which it compresses if its name says so.
func record(t *testing.T, path, text string) *jsonl.StoreSource {
	t.Helper()
	if strings.HasSuffix(path, ".gz") {
		text = zipped(t, text)
	}
	require.NoError(t, os.WriteFile(path, []byte(text), 0o666))
	return jsonl.Locate(path).Source(jsonl.Options{})
}

func TestRecordingEnds(t *testing.T) {
	text := strings.Repeat(event+"\n", 9000) // several buffers
	other := text[:len(text)-2] + " \n"
	for _, name := range []string{"run.jsonl", "run.jsonl.gz"} {
		recording := record(t, filepath.Join(t.TempDir(), name), text)
		for want, ends := range map[domain.Mark]bool{
			markOf(text):                  true,
			markOf(other):                 false,
			markOf(text[:len(text)-1]):    false,
			markOf(text + "\n"):           false,
			markOf(""):                    false,
			{Bytes: int64(len(text))}:     false,
			{Bytes: int64(len(text) - 1)}: false,
		} {
			if got, err := recording.Ends(t.Context(), want); got != ends || err != nil {
				t.Errorf("%s: Ends(%d bytes, %x…) = %v, %v", name, want.Bytes, want.SHA256[:2], got, err)
			}
		}
	}
	_, err := jsonl.Locate("nowhere.jsonl").Source(jsonl.Options{}).Ends(t.Context(), markOf(""))
	assert.ErrorIs(t, err, os.ErrNotExist, "a file")
}

// Short streams are decoded on demand, long ones ahead. Both give the same marks.
func TestRecordingOpens(t *testing.T) {
	for _, lines := range []int{3, 60_000} {
		text := strings.Repeat(event+"\n", lines) + `{"at_ms`
		var read atomic.Int64
		recording := record(t, filepath.Join(t.TempDir(), "run.jsonl"), text).Counting(&read)
		stream, err := recording.Open(t.Context(), markOf(event+"\n"))
		require.NoError(t, err)
		n := 0
		for err == nil {
			var entries []domain.Entry
			entries, err = stream.Next()
			n += len(entries)
		}
		if err != io.EOF || n != lines+1 || !stream.Continues() || stream.Mark() != markOf(wholeLines(text)) || stream.End() != markOf(text) {
			t.Errorf("%d lines: %d entries, %v, %v, %+v, %+v", lines, n, err, stream.Continues(), stream.Mark(), stream.End())
		}
		assert.NoError(t, stream.Close())
		assert.Equal(t, int64(len(text)), read.Load())
	}
}

// Reading ends when the context does.
func TestRecordingEndsWithItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.jsonl")
	text := strings.Repeat(event+"\n", 100)
	recording := record(t, path, text)
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := recording.Open(ctx, domain.Mark{})
	require.NoError(t, err)
	defer stream.Close()
	cancel()
	_, err = stream.Next()
	assert.ErrorIs(t, err, context.Canceled)
	_, err = recording.Ends(ctx, markOf(text+"\n"))
	assert.NoError(t, err, "the size is enough to say no")
}

func TestRecordingSaysHowItReads(t *testing.T) {
	source := jsonl.Locate("run.jsonl")
	readings := map[string]bool{}
	for _, options := range []jsonl.Options{{}, {OnMalformed: jsonl.Skip}, {MaxLine: 10}} {
		readings[source.Source(options).ReadOptions()] = true
	}
	assert.Len(t, readings, 3, "different readings have one name")
	assert.Equal(t, source.Source(jsonl.Options{MaxLine: jsonl.DefaultMaxLine}).ReadOptions(), source.Source(jsonl.Options{}).ReadOptions(), "the default limit has two names")
}

// A run is read with the options that its rows were derived with, unless you give
// others.
func TestRecordingAs(t *testing.T) {
	source := jsonl.Locate("run.jsonl")
	stop, skip := source.Source(jsonl.Options{OnMalformed: jsonl.Stop}), source.Source(jsonl.Options{OnMalformed: jsonl.Skip})
	any := source.Source(jsonl.Options{})
	for _, test := range []struct {
		is   *jsonl.StoreSource
		as   string
		want *jsonl.StoreSource
	}{
		{any, skip.ReadOptions(), skip}, {any, stop.ReadOptions(), stop}, {any, "in a way that is not known", stop},
		{stop, skip.ReadOptions(), stop}, {skip, stop.ReadOptions(), skip},
	} {
		assert.Equal(t, test.want.ReadOptions(), test.is.As(test.as).ReadOptions(), "%s as %s", test.is.ReadOptions(), test.as)
	}
	limited := source.Source(jsonl.Options{MaxLine: 10})
	if got, want := limited.As(skip.ReadOptions()).ReadOptions(), source.Source(jsonl.Options{MaxLine: 10, OnMalformed: jsonl.Skip}).ReadOptions(); got != want {
		t.Errorf("the limit is what was asked for, %s, and not %s", want, got)
	}
}

// OpenUntil gives a stream as it was at a mark, even if the mark is within a line. A
// stream that does not begin with the mark's bytes is given whole.
func TestOpenUntil(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.jsonl")
	open := func(t *rapid.T, text string, until *domain.Mark) ([]domain.Entry, store.Stream) {
		data := []byte(text)
		if rapid.Bool().Draw(t, "compressed") {
			data = []byte(zipped(t, text))
		}
		require.NoError(t, os.WriteFile(path, data, 0o666))
		recording := jsonl.Locate(path).Source(jsonl.Options{OnMalformed: jsonl.Skip})
		stream, err := recording.Open(t.Context(), domain.Mark{})
		if until != nil {
			stream, err = recording.OpenUntil(t.Context(), *until)
		}
		require.NoError(t, err)
		defer stream.Close()
		var all []domain.Entry
		for {
			entries, err := stream.Next()
			all = append(all, entries...)
			if err == io.EOF {
				return all, stream
			}
			require.NoError(t, err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text := stream().Draw(t, "stream")
		cut := rapid.IntRange(0, len(text)).Draw(t, "known")
		known := text[:cut]
		until := markOf(known)
		if rapid.Bool().Draw(t, "of another stream") && known != "" {
			until.SHA256[0]++
			known = text
		}
		if rapid.IntRange(0, 4).Draw(t, "shorter") == 0 && cut < len(text) {
			until.Bytes, known = int64(len(text)+1), text
		}
		want, _ := open(t, known, nil)
		got, stream := open(t, text, &until)
		if !slices.Equal(got, want) || stream.End() != markOf(known) || stream.Mark() != markOf(wholeLines(known)) {
			t.Fatalf("%q until %q: %+v, want %+v", text, known, got, want)
		}
		require.Equal(t, len(known) < len(text), stream.More(), "%q until %q: more", text, known)
	})
}

// A long stream is decoded ahead and still ends at the mark.
func TestOpenUntilOfALongStream(t *testing.T) {
	text := strings.Repeat(event+"\n", 50_000)
	known := text[:len(text)/2+5]
	recording := record(t, filepath.Join(t.TempDir(), "run.jsonl"), text)
	stream, err := recording.OpenUntil(t.Context(), markOf(known))
	require.NoError(t, err)
	defer stream.Close()
	for err == nil {
		_, err = stream.Next()
	}
	if err != io.EOF || stream.End() != markOf(known) || !stream.More() {
		t.Errorf("%v, %+v, more is %v", err, stream.End(), stream.More())
	}
}

// Whether a run can be continued depends on the options of the Segments, not on the
// options of the last segment that was decoded.
func TestSegmentsContinue(t *testing.T) {
	other := jsonl.NewSegments(jsonl.Options{MaxLine: 5 << 20}).ReadOptions()
	for _, limit := range []int{0, 1 << 20} {
		s := jsonl.NewSegments(jsonl.Options{MaxLine: limit})
		want := s.Continues(other)
		segment := domain.Segment{Run: "a", Data: []byte("{\"at_ms\":1,\"type\":\"other\"}\n")}
		_, err := s.Decode(&segment, jsonl.NewSegments(jsonl.Options{MaxLine: 9 << 20}).ReadOptions(), 0, func(*domain.Entry) {})
		require.NoError(t, err)
		if got := s.Continues(other); got != want || got != (limit == 0 && jsonl.DefaultMaxLine >= 5<<20) {
			t.Errorf("limit %d: continues is %v, and %v before", limit, got, want)
		}
	}
}
