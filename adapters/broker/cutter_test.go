package broker_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/broker"
	"github.com/quire-ci/quire-project/domain"
)

// piece is a segment of the model.
type piece struct {
	offset int
	data   string
}

// greedy is the model: it returns the pieces of a stream, and the first line that is too long.
func greedy(stream string, limit, longest int) (pieces []piece, tooLong *broker.LineTooLongError) {
	at := 0
	for line := range strings.Lines(stream) {
		tail := !strings.HasSuffix(line, "\n")
		last := len(pieces) - 1
		switch {
		case len(line) > longest:
			return pieces, &broker.LineTooLongError{Offset: int64(at), Length: int64(len(line)), Limit: longest}
		case last < 0 || tail || len(pieces[last].data)+len(line) > limit:
			pieces = append(pieces, piece{at, line})
		default:
			pieces[last].data += line
		}
		at += len(line)
	}
	return pieces, nil
}

// However the bytes arrive, the segments are as long as possible, and add up to the stream, or to the
// part before a line that is too long.
func TestCutIsGreedy(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stream := string(streams().Draw(t, "stream"))
		limit := rapid.IntRange(1, 60).Draw(t, "limit")
		longest := limit + rapid.IntRange(0, 60).Draw(t, "a line may be longer by")
		reader := rapid.SampledFrom([]func(io.Reader) io.Reader{
			func(r io.Reader) io.Reader { return r }, iotest.OneByteReader, iotest.HalfReader, iotest.DataErrReader,
		}).Draw(t, "reader")
		want, wantErr := greedy(stream, limit, longest)

		var got []domain.Segment
		var gotErr error
		for segment, err := range broker.CutLines(reader(strings.NewReader(stream)), "r", limit, longest) {
			require.NoError(t, gotErr, "it continues after an error")
			if gotErr = err; err == nil {
				got = append(got, segment)
			}
		}
		whole := stream
		if wantErr != nil {
			whole = stream[:wantErr.Offset]
			wantErr.Run = "r"
			var tooLong *broker.LineTooLongError
			require.ErrorAs(t, gotErr, &tooLong)
			require.Equal(t, *wantErr, *tooLong)
		} else if gotErr != nil {
			t.Fatal(gotErr)
		}
		checkAddUp(t, "r", []byte(whole), got)
		if stream == "" { // an empty segment announces the run
			want = append(want, piece{})
		}
		require.Len(t, got, len(want))
		for i := range got {
			if int(got[i].Offset) != want[i].offset || string(got[i].Data) != want[i].data {
				t.Fatalf("segment %d: %q at %d, want %+v", i, got[i].Data, got[i].Offset, want[i])
			}
		}
	})
}

// Streams longer than the first buffer are cut at the default size, and no segment has room for the
// next line.
func TestCutLongStream(t *testing.T) {
	stream := append(longStream(t, 3<<20), "torn"...)
	var got []domain.Segment
	for segment, err := range broker.Cut(iotest.HalfReader(bytes.NewReader(stream)), "r", 0) {
		require.NoError(t, err)
		if n := len(got); n > 0 && !segment.Tail {
			if line := bytes.IndexByte(segment.Data, '\n') + 1; len(got[n-1].Data)+line <= broker.DefaultSegmentBytes {
				t.Errorf("segment %d has %d bytes, and the next line %d", n-1, len(got[n-1].Data), line)
			}
		}
		assert.LessOrEqual(t, len(segment.Data), broker.DefaultSegmentBytes)
		got = append(got, segment)
	}
	checkAddUp(t, "r", stream, got)
}

// A line that is far too long is measured without being kept.
func TestCutMeasuresLongLines(t *testing.T) {
	stream := "a\n" + strings.Repeat("x", 5<<20) + "\nb\n"
	var last error
	for _, err := range broker.Cut(strings.NewReader(stream), "é\n", 1000) {
		last = err
	}
	want := broker.LineTooLongError{Run: "é\n", Offset: 2, Length: 5<<20 + 1, Limit: 1000}
	var got *broker.LineTooLongError
	require.ErrorAs(t, last, &got)
	require.Equal(t, want, *got)
	if text := got.Error(); strings.Contains(text, "\n") || !strings.Contains(text, "byte 2") {
		t.Error(text)
	}
}

// Whole lines are returned before the error of the reader. An unfinished line is no tail then.
func TestCutReportsErrors(t *testing.T) {
	broken := errors.New("the disk is gone")
	for _, read := range []string{"", "a\n", "a\nb\nhalf"} {
		var got []domain.Segment
		var last error
		for segment, err := range broker.Cut(io.MultiReader(strings.NewReader(read), iotest.ErrReader(broken)), "r", 0) {
			if last = err; err == nil {
				got = append(got, segment)
			}
		}
		assert.ErrorIs(t, last, broken, "%q", read)
		checkAddUp(t, "r", []byte(read[:strings.LastIndex(read, "\n")+1]), got)
	}
	for _, err := range broker.Cut(idle{}, "r", 0) {
		assert.ErrorIs(t, err, io.ErrNoProgress)
	}
}

type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

// A loop that ends early stops the reading.
func TestCutCanBeLeft(t *testing.T) {
	r := strings.NewReader(strings.Repeat("line\n", 100))
	for range broker.Cut(r, "r", 5) {
		break
	}
	assert.GreaterOrEqual(t, r.Len(), 490, "only")
}
