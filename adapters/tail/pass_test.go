package tail_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/quire-ci/quire-project/adapters/tail"
)

// Next reports a line that is too long when the line has ended. Pass skips it in pieces, and the lines
// around it are read.
func TestPass(t *testing.T) {
	long := strings.Repeat("long ", 1<<18)
	path := filepath.Join(t.TempDir(), "run.jsonl")
	write(t, path, "one\n"+long)
	follow(t, path, tail.Options{MaxLine: 100}, func(ctx context.Context, s *tail.Stream) error {
		chunk, err := s.Next(ctx, 0)
		if err != nil || string(chunk.Data) != "one\n" || !s.Idle() {
			t.Errorf("first there is %q, %v", chunk.Data, err)
		}
		if chunk, err := s.Rest(0); err != nil || !chunk.Tail || len(chunk.Data) > 0 || chunk.Offset != 4 || s.Offset() != 4 {
			t.Errorf("the rest is %+v, %v", chunk, err)
		}
		add(t, path, "end\ntwo\n")
		var tooLong *tail.LineTooLongError
		for range 2 { // until Pass skips it
			if _, err := s.Next(ctx, 0); !errors.As(err, &tooLong) || tooLong.Offset != 4 || tooLong.End != int64(len(long))+8 {
				t.Fatalf("then it is %v", err)
			}
		}
		if sum, err := s.Pass(tooLong); err != nil || sum != sha256.Sum256([]byte("one\n"+long+"end\n")) {
			t.Errorf("passing over it gives the digest %x, %v", sum, err)
		}
		if chunk, err := s.Next(ctx, 0); err != nil || string(chunk.Data) != "two\n" || chunk.Offset != tooLong.End {
			t.Errorf("behind it there is %q, %v", chunk.Data, err)
		}
		return nil
	})
}

// Pass needs no memory for the skipped line.
func TestPassIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.jsonl")
	const length = 64 << 20
	write(t, path, strings.Repeat("x", length)+"\n")
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	follow(t, path, tail.Options{MaxLine: 100}, func(ctx context.Context, s *tail.Stream) error {
		var tooLong *tail.LineTooLongError
		if _, err := s.Next(ctx, 0); !errors.As(err, &tooLong) {
			return err
		}
		_, err := s.Pass(tooLong)
		return err
	})
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took >= length { // some buffers are not shared
		t.Errorf("it takes %d bytes of memory to pass over %d", took, length)
	}
}

// Pass reports a rewritten file if the line is no longer there.
func TestPassOfWhatIsRewritten(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	for name, other := range map[string]string{
		"shorter": "one\n" + long[:50_000] + "\n", "longer": "one\n" + long + long + "\n", "another": strings.Repeat("y", 200_000) + "\n",
	} {
		path := filepath.Join(t.TempDir(), "run.jsonl")
		write(t, path, "one\n"+long+"\n")
		follow(t, path, tail.Options{MaxLine: 100}, func(ctx context.Context, s *tail.Stream) error {
			var tooLong *tail.LineTooLongError
			_, first := s.Next(ctx, 0)
			if _, err := s.Next(ctx, 0); first != nil || !errors.As(err, &tooLong) {
				t.Fatalf("%s: %v, %v", name, first, err)
			}
			write(t, path, other)
			_, err := s.Pass(tooLong)
			assert.ErrorIs(t, err, tail.ErrRewritten, name)
			return nil
		})
	}
}
