package tail_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/tail"
)

// contents draws the contents of a file: lines, half lines, and other bytes.
func contents() *rapid.Generator[[]byte] {
	piece := rapid.OneOf(
		rapid.Just([]byte("\n")),
		rapid.Just([]byte("\r\n")),
		rapid.Just([]byte(`{"at_ms":1,"type":"run_finished","outcome":"succeeded"}`+"\n")),
		rapid.SliceOfN(rapid.Byte(), 0, 20),
		rapid.SliceOfN(rapid.Just(byte(0)), 0, 5),
		rapid.Custom(func(t *rapid.T) []byte {
			return bytes.Repeat([]byte("long "), rapid.IntRange(1, 40_000).Draw(t, "length"))
		}),
	)
	return rapid.Custom(func(t *rapid.T) []byte {
		return bytes.Join(rapid.SliceOfN(piece, 0, 12).Draw(t, "pieces"), nil)
	})
}

// However a stream is written, Next returns its lines, and Rest returns what is left.
func TestGrowing(t *testing.T) {
	folder := t.TempDir()
	inAllWays(t, func(t *testing.T, options tail.Options) {
		rapid.Check(t, func(t *rapid.T) {
			content := contents().Draw(t, "content")
			cuts := rapid.SliceOfN(rapid.IntRange(0, len(content)), 0, 6).Draw(t, "cuts")
			limit := rapid.SampledFrom([]int{0, 1, 7, 100, 5000, 1 << 20}).Draw(t, "limit")
			asks := rapid.Bool().Draw(t, "asks whether it is idle")
			path := filepath.Join(folder, "run.jsonl")
			_ = os.Remove(path)
			written := make(chan struct{})
			go func() {
				defer close(written)
				writeInPieces(t, path, content, cuts)
			}()
			whole := bytes.LastIndexByte(content, '\n') + 1
			follow(t, path, options, func(ctx context.Context, s *tail.Stream) error {
				var got []byte
				for len(got) < whole {
					if asks {
						s.Idle()
					}
					chunk, err := s.Next(ctx, limit)
					if err != nil {
						return err
					}
					if err := sound(chunk, len(got), limit, false); err != nil {
						return err
					}
					got = append(got, chunk.Data...)
				}
				<-written
				if s.Offset() != int64(whole) || !s.Idle() {
					return fmt.Errorf("at %d of %d, idle: %v", s.Offset(), whole, s.Idle())
				}
				return ends(s, got, content)
			})
		})
	})
}

// ends reads the rest of a stream and compares all of it.
func ends(s *tail.Stream, got, content []byte) error {
	for {
		chunk, err := s.Rest(100)
		if err == io.EOF {
			break
		} else if err != nil {
			return err
		}
		if err := sound(chunk, len(got), 100, chunk.Tail); err != nil {
			return err
		}
		got = append(got, chunk.Data...)
	}
	if !bytes.Equal(got, content) {
		return fmt.Errorf("read %q\nof   %q", got, content)
	}
	return nil
}

// sound checks a chunk.
func sound(chunk tail.Chunk, offset, limit int, isTail bool) error {
	switch lines := bytes.Count(chunk.Data, []byte("\n")); {
	case chunk.Offset != int64(offset) || chunk.End() != int64(offset+len(chunk.Data)):
		return fmt.Errorf("the chunk is from %d to %d, not from %d on", chunk.Offset, chunk.End(), offset)
	case isTail != chunk.Tail || isTail == bytes.HasSuffix(chunk.Data, []byte("\n")) || len(chunk.Data) == 0:
		return fmt.Errorf("the chunk %q is a tail: %v", chunk.Data, chunk.Tail)
	case lines > 1 && limit > 0 && len(chunk.Data) > limit:
		return fmt.Errorf("the chunk of %d lines has %d bytes", lines, len(chunk.Data))
	}
	return nil
}

func writeInPieces(t fataler, path string, content []byte, cuts []int) {
	file, err := os.Create(path)
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer file.Close()
	at := 0
	for _, cut := range append(cuts, len(content)) {
		if cut > at {
			if _, err := file.Write(content[at:cut]); err != nil {
				t.Fatalf("%v", err)
			}
			at = cut
		}
		time.Sleep(time.Duration(cut%5) * 100 * time.Microsecond)
	}
}

// A line that is too long is reported with its place, and the lines before it are read.
func TestMaxLine(t *testing.T) {
	folder := t.TempDir()
	inAllWays(t, func(t *testing.T, options tail.Options) {
		rapid.Check(t, func(t *rapid.T) {
			options := options
			options.MaxLine = rapid.SampledFrom([]int{1, 2, 10, 70_000}).Draw(t, "longest line")
			line := rapid.Custom(func(t *rapid.T) string {
				length := rapid.OneOf(rapid.IntRange(0, 12), rapid.IntRange(options.MaxLine-2, options.MaxLine+2), rapid.IntRange(69_998, 200_000)).Draw(t, "length")
				return strings.Repeat("x", max(0, length)) + rapid.SampledFrom([]string{"\n", "\r\n"}).Draw(t, "end")
			})
			lines := rapid.SliceOfN(line, 1, 6).Draw(t, "lines")
			limit := rapid.SampledFrom([]int{0, 1, 100, 100_000}).Draw(t, "limit")
			bad := 0
			for _, line := range lines {
				if len(strings.TrimRight(line, "\r\n")) > options.MaxLine {
					break
				}
				bad += len(line)
			}
			content := []byte(strings.Join(lines, ""))
			cuts := rapid.SliceOfN(rapid.IntRange(0, len(content)), 0, 3).Draw(t, "cuts")
			path := filepath.Join(folder, "run.jsonl")
			_ = os.Remove(path)
			written := make(chan struct{})
			go func() {
				defer close(written)
				writeInPieces(t, path, content, cuts)
			}()
			follow(t, path, options, func(ctx context.Context, s *tail.Stream) error {
				defer func() { <-written }()
				var tooLong *tail.LineTooLongError
				for s.Offset() < int64(len(content)) {
					_, err := s.Next(ctx, limit)
					switch {
					case errors.As(err, &tooLong) && tooLong.Offset == int64(bad) && s.Offset() == int64(bad) && bad < len(content):
						return nil
					case err != nil:
						return fmt.Errorf("at %d: %w", s.Offset(), err)
					case s.Offset() > int64(bad):
						return fmt.Errorf("the line at %d was taken", bad)
					}
				}
				return nil
			})
		})
	})
}

// A long line that grows by little is not read again each time.
func TestLongLineIsNotReadAgain(t *testing.T) {
	const line, piece = 8 << 20, 4 << 10
	path := filepath.Join(t.TempDir(), "run.jsonl")
	write(t, path, "")
	began := time.Now()
	follow(t, path, tail.Options{}, func(ctx context.Context, s *tail.Stream) error {
		for range line / piece {
			add(t, path, strings.Repeat("x", piece))
			if !s.Idle() {
				return errors.New("half a line is taken for a whole one")
			}
		}
		add(t, path, "\n")
		chunk, err := s.Next(ctx, 0)
		if err == nil && len(chunk.Data) != line+1 {
			return fmt.Errorf("%d bytes", len(chunk.Data))
		}
		return err
	})
	// Reading it each time would take 8 GB.
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
}

// A stream may grow even after Rest.
func TestGrowingBehindTheRest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.jsonl")
	write(t, path, "one\nha")
	follow(t, path, tail.Options{}, func(ctx context.Context, s *tail.Stream) error {
		got := ""
		for {
			chunk, err := s.Rest(0)
			if err == io.EOF {
				break
			}
			got += string(chunk.Data) + "|"
		}
		add(t, path, "lf\ntwo\n")
		chunk, err := s.Next(ctx, 0)
		if got += string(chunk.Data); got != "one\n|ha|lf\ntwo\n" {
			t.Errorf("%q", got)
		}
		return err
	})
}

// A line that is too long is no error before it ends, because it may still be cut off. Rest gives it
// as a tail without data.
func TestMaxLineWithoutEnd(t *testing.T) {
	for length, tooLong := range map[int]bool{99: false, 100: false, 101: true, 102: true, 103: true, 200: true, 200_000: true} {
		path := filepath.Join(t.TempDir(), "run.jsonl")
		write(t, path, "line\n"+strings.Repeat("x", length))
		follow(t, path, tail.Options{MaxLine: 100}, func(ctx context.Context, s *tail.Stream) error {
			if _, err := s.Next(ctx, 10); err != nil {
				return err
			}
			assert.True(t, s.Idle(), "%d: Next would not wait", length)
			if chunk, err := s.Rest(0); err != nil || !chunk.Tail || chunk.Offset != 5 || len(chunk.Data) == 0 != tooLong {
				t.Errorf("%d: the rest is %d bytes at %d, a tail: %v, %v", length, len(chunk.Data), chunk.Offset, chunk.Tail, err)
			}
			if !tooLong {
				return nil
			}
			add(t, path, "\n")
			var err *tail.LineTooLongError
			if _, next := s.Next(ctx, 0); !errors.As(next, &err) || err.Offset != 5 || err.Max != 100 || err.End != int64(length)+6 {
				t.Errorf("%d: %v", length, next)
			}
			return nil
		})
	}
}
