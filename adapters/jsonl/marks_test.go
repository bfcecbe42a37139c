package jsonl_test

import (
	"crypto/sha256"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
)

// markOf is the mark at the end of text.
func markOf(text string) domain.Mark {
	return domain.Mark{Bytes: int64(len(text)), Lines: int64(strings.Count(text, "\n")), SHA256: sha256.Sum256([]byte(text))}
}

// wholeLines is text up to its last line feed.
func wholeLines(text string) string { return text[:strings.LastIndexByte(text, '\n')+1] }

// The marks at the end depend only on the bytes, not on how they come.
func TestMarksAreThoseOfTheBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := stream().Draw(t, "stream")
		options := jsonl.Options{
			MaxLine:     rapid.SampledFrom([]int{0, 20, 60}).Draw(t, "limit"),
			OnMalformed: jsonl.Skip,
			Digest:      true,
		}
		sizes := rapid.SliceOfN(rapid.IntRange(0, 50), 0, 10).Draw(t, "sizes")
		reader := jsonl.NewReader(&chunks{src: strings.NewReader(text), sizes: append(sizes, 1)}, options)
		if err := drainReader(reader); err != io.EOF {
			t.Fatal(err)
		}
		whole, end := reader.Marks()
		want := markOf(text)
		require.Equal(t, markOf(wholeLines(text)), whole, "%q: marks", text)
		require.Equal(t, want, end, "%q: marks", text)
	})
}

// A stream continues a known one if it begins with its bytes. The reader knows this
// before it gives the first entry behind them.
func TestContinues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := stream().Draw(t, "stream")
		known := wholeLines(text[:rapid.IntRange(0, len(text)).Draw(t, "known")])
		if rapid.Bool().Draw(t, "of another stream") && known != "" {
			i := rapid.IntRange(0, len(known)-1).Draw(t, "byte")
			known = known[:i] + string([]byte{known[i] ^ 1}) + known[i+1:]
		}
		if rapid.Bool().Draw(t, "longer") {
			known += rapid.StringN(0, 5, 5).Draw(t, "more")
		}
		want := strings.HasPrefix(text, known)
		reader := jsonl.NewReader(strings.NewReader(text), jsonl.Options{
			OnMalformed: jsonl.Skip, Digest: true, Known: markOf(known),
			MaxLine: rapid.SampledFrom([]int{0, 20}).Draw(t, "limit"),
		})
		var one []domain.Entry
		for {
			var err error
			if one, err = reader.Append(one[:0], 1); err == io.EOF {
				break
			}
			if one[0].Offset >= int64(len(known)) && reader.Continues() != want {
				t.Fatalf("behind %d bytes of %q: continues is %v", one[0].Offset, text, reader.Continues())
			}
		}
		require.Equal(t, want, reader.Continues(), "%q, known %q: continues", text, known)
	})
}

func drainReader(reader *jsonl.Reader) error {
	for {
		if _, err := reader.Next(); err != nil {
			return err
		}
	}
}
