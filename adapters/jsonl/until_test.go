package jsonl_test

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

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
