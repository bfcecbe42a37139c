package follow_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/follow"
	"github.com/quire-ci/quire-project/adapters/internal/layout"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/tail"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// files draws what may be called a stream: lines that are events, others, halves, and
// lines of any length about the limit.
func files(limit int) *rapid.Generator[[]byte] {
	piece := rapid.OneOf(
		rapid.SampledFrom([]string{started, finished, ended, strings.TrimSuffix(ended, "\n") + "\r\n", "\n", " \r\n"}),
		rapid.SampledFrom([]string{started, started, started[:20], "{\n", "\xef\xbb\xbf", "\x00", "\x1f", "\x1f\x8b", "\x28\xb5\x2f\xfd"}),
		rapid.Custom(func(t *rapid.T) string {
			length := rapid.OneOf(rapid.IntRange(limit-3, limit+3), rapid.IntRange(60_000, 200_000)).Draw(t, "length")
			line := strings.TrimSuffix(started, "\n") + strings.Repeat(" ", max(0, length-len(started)+1))
			return line + rapid.SampledFrom([]string{"", "\n", "\r\n", "\r"}).Draw(t, "end")
		}),
	)
	return rapid.Custom(func(t *rapid.T) []byte {
		mark := rapid.SampledFrom([]string{"", "", "", "\xef\xbb\xbf"}).Draw(t, "mark")
		return []byte(mark + strings.Join(rapid.SliceOfN(piece, 0, 8).Draw(t, "pieces"), ""))
	})
}

// Whatever a file contains, once its writer is gone, follow has the same result as a plain read: the
// same error, or the same rows. It refuses compressed files.
func TestJudgementLaw(t *testing.T) {
	folder := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		options := jsonl.Options{MaxLine: rapid.SampledFrom([]int{60, 100, 100_000}).Draw(t, "limit")}
		options.OnMalformed = rapid.SampledFrom([]jsonl.OnMalformed{jsonl.Stop, jsonl.Skip}).Draw(t, "on malformed")
		content := files(options.MaxLine).Draw(t, "file")
		path := filepath.Join(folder, "run.jsonl")
		require.NoError(t, os.WriteFile(path, content, 0o666))
		gone := make(chan struct{})
		close(gone)
		for _, keeps := range []bool{false, true} {
			followed := follow.Options{Streams: options, WriterGone: gone}
			if keeps {
				followed.Store = memory.New()
			}
			summary, err := follow.Follow(t.Context(), path, followed)
			require.NoError(t, err, "it ends with %+v", summary)
			require.LessOrEqual(t, len(summary.Skipped), 1, "it ends with %+v", summary)
			judge(t, path, path, options, errors.Join(summary.Skipped...), followed.Store)
		}
	})
}

// judge compares what follow says of a file, which it calls name, with what a read says.
func judge(t *rapid.T, path, name string, options jsonl.Options, got error, db store.Store) {
	content, _ := os.ReadFile(path)
	var compressed *follow.CompressedError
	if layout.Compression(content) != "" {
		require.ErrorAs(t, got, &compressed, "of what is compressed")
		return
	}
	plain := memory.New()
	options.Name = name
	result, err := store.Ingest(t.Context(), plain, jsonl.Locate(path).Source(options), store.Options{})
	switch {
	case err != nil && result.Err == nil:
		t.Fatal(err)
	case result.Err != nil && (got == nil || got.Error() != result.Err.Error()):
		t.Fatalf("it says %v\nwant    %v", got, result.Err)
	case result.Err != nil:
	case got != nil:
		t.Fatalf("it says %v, and a read says nothing", got)
	case db != nil:
		have, err := store.ReadRecord(t.Context(), db, "run")
		want, wantErr := store.ReadRecord(t.Context(), plain, "run")
		if err != nil || wantErr != nil || !reflect.DeepEqual(have, want) {
			t.Fatalf("the rows are %+v, %v\nwant %+v, %v", have, err, want, wantErr)
		}
	}
}

// pieces reads a stream in pieces of these sizes, again and again.
type pieces struct {
	sizes []int
	next  int
	rest  []byte
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.rest[:min(len(p.rest), p.sizes[p.next%len(p.sizes)])])
	p.next++
	p.rest = p.rest[n:]
	return n, nil
}

// A pipe gives the error or the rows that a file gives, however it is cut into pieces. Only a line
// that is too long cannot be left out where there are rows.
func TestPipeLaw(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.jsonl")
	rapid.Check(t, func(t *rapid.T) {
		options := jsonl.Options{MaxLine: rapid.SampledFrom([]int{60, 100, 100_000}).Draw(t, "limit")}
		options.OnMalformed = rapid.SampledFrom([]jsonl.OnMalformed{jsonl.Stop, jsonl.Skip}).Draw(t, "on malformed")
		content := files(options.MaxLine).Draw(t, "stream")
		if layout.Compression(content) != "" {
			return
		}
		require.NoError(t, os.WriteFile(path, content, 0o666))
		followed := follow.Options{Streams: options}
		if rapid.Bool().Draw(t, "rows") {
			followed.Store = memory.New()
		}
		sizes := rapid.SliceOfN(rapid.SampledFrom([]int{1, 10, 100, 100_000}), 1, 3).Draw(t, "pieces")
		if len(content) > 10_000 { // byte by byte would take minutes
			sizes = append(sizes, 100_000)
		}
		for range 2 { // the second time, the rows are there
			summary, err := follow.Read(t.Context(), &pieces{sizes, 0, content}, jsonl.Location{Path: jsonl.Stdin, Run: "run"}, followed)
			require.NoError(t, err, "it ends with %+v", summary)
			require.LessOrEqual(t, len(summary.Skipped), 1, "it ends with %+v", summary)
			got := errors.Join(summary.Skipped...)
			var long *tail.LineTooLongError
			if followed.Store != nil && errors.As(got, &long) {
				return
			}
			judge(t, path, jsonl.Stdin, options, got, followed.Store)
		}
	})
}

// Follow refuses a compressed file even if it has no line feed, and even if its first bytes arrive
// after following has started.
func TestCompressedLater(t *testing.T) {
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, _ = w.Write([]byte(ended))
	_ = w.Close()
	require.False(t, bytes.ContainsRune(zipped.Bytes(), '\n'), "it has a line feed")
	for what, begin := range map[string]string{"not there": "none", "empty": "", "one byte": zipped.String()[:1], "whole": zipped.String()} {
		for _, keeps := range []bool{false, true} {
			path := filepath.Join(t.TempDir(), "run.jsonl")
			if begin != "none" {
				add(t, path, begin)
			}
			begun := make(chan struct{})
			s := newSeen()
			options := s.options(nil)
			if keeps {
				options.Store = memory.New()
			}
			var summary follow.Summary
			go func() { defer close(begun); summary, _ = follow.Follow(t.Context(), path, options) }()
			add(t, path, strings.TrimPrefix(zipped.String(), begin))
			<-begun
			var compressed *follow.CompressedError
			if len(summary.Skipped) != 1 || !errors.As(summary.Skipped[0], &compressed) {
				t.Errorf("%s, rows %v: it ends with %+v", what, keeps, summary)
			}
		}
	}
}

// A view is shown the last line of a pipe, which nothing ends but the end of the pipe.
func TestPipeEndsWithoutALineFeed(t *testing.T) {
	v := newScreen()
	stream := started + strings.TrimSuffix(ended, "\n")
	summary, err := follow.Read(t.Context(), strings.NewReader(stream), jsonl.Location{Path: jsonl.Stdin, Run: "run"}, follow.Options{View: v})
	if err != nil || summary.Active > 0 || v.lines("run") != 2 {
		t.Errorf("it ends with %+v, %v, and shows %d events", summary, err, v.lines("run"))
	}
}

// slow is a sink that takes nothing before all of a pipe was read.
type slow struct {
	*pieces
	read   chan struct{}
	writes int
}

func (s *slow) Read(b []byte) (int, error) {
	n, err := s.pieces.Read(b)
	if err != nil {
		close(s.read)
	}
	return n, err
}

func (s *slow) Begin(context.Context, jsonl.Location) (follow.Known, error) {
	return follow.Known{Mark: domain.StartMark}, nil
}

func (s *slow) Write(context.Context, jsonl.Location, domain.Segment, []domain.Entry) error {
	<-s.read
	s.writes++
	return nil
}

func (s *slow) Derive(_ context.Context, _ jsonl.Location, reason error) (follow.Known, error) {
	return follow.Known{}, reason
}
func (s *slow) Rest(_ context.Context, _ jsonl.Location, reason error) error { return reason }
func (s *slow) Release(_ context.Context, _ jsonl.Location, known follow.Known) (follow.Known, error) {
	return known, nil
}
func (s *slow) Close() error { return nil }

// Data that arrives from a pipe while the sink works comes as one segment.
func TestPipeGathers(t *testing.T) {
	s := &slow{&pieces{[]int{len(started)}, 0, []byte(strings.Repeat(started, 50))}, make(chan struct{}), 0}
	summary, err := follow.Read(t.Context(), s, jsonl.Location{Path: jsonl.Stdin, Run: "run"}, follow.Options{Sink: s})
	if err != nil || len(summary.Skipped) > 0 || s.writes < 1 || s.writes > 2 {
		t.Errorf("it ends with %+v, %v after %d segments", summary, err, s.writes)
	}
}
