package tail_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/quire-ci/quire-project/adapters/tail"
)

// A file that is shorter than expected has been rewritten, even if none of it was read.
func TestExpect(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.jsonl")
	write(t, path, "one\ntwo\n")
	follow(t, path, tail.Options{}, func(ctx context.Context, s *tail.Stream) error {
		s.Expect(9)
		if chunk, err := s.Next(ctx, 0); !errors.Is(err, tail.ErrRewritten) {
			t.Errorf("of 9 bytes: %q, %v", chunk.Data, err)
		}
		if chunk, err := s.Rest(0); !errors.Is(err, tail.ErrRewritten) {
			t.Errorf("the rest of 9 bytes: %q, %v", chunk.Data, err)
		}
		s.Expect(8)
		if chunk, err := s.Next(ctx, 4); err != nil || len(chunk.Data) != 4 {
			t.Errorf("of 8 bytes: %q, %v", chunk.Data, err)
		}
		s.Expect(9)
		s.Restart()
		if chunk, err := s.Next(ctx, 0); err != nil || len(chunk.Data) != 8 {
			t.Errorf("anew: %q, %v", chunk.Data, err)
		}
		return nil
	})
}

// Once a file was looked at, another one in its place is found, though nothing of it was
// given, if something of it is expected.
func TestLook(t *testing.T) {
	for name, begin := range map[string]func(*tail.Stream){
		"expected": func(s *tail.Stream) { s.Expect(4) },
		"nothing":  func(*tail.Stream) {},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "run.jsonl")
			write(t, path, "one\ntwo\n")
			follow(t, path, tail.Options{}, func(ctx context.Context, s *tail.Stream) error {
				if info, err := s.Look(); err != nil || info.Size() != 8 {
					t.Errorf("%v, %v", info, err)
				}
				begin(s)
				replace(t, path, "uno\ndos\n")
				chunk, err := s.Next(ctx, 0)
				assert.NotEqual(t, (name == "nothing"), errors.Is(err, tail.ErrRewritten), "%q, %v", chunk.Data, err)
				return nil
			})
			follow(t, path, tail.Options{}, func(ctx context.Context, s *tail.Stream) error {
				if err := os.Remove(path); err != nil {
					return err
				}
				_, err := s.Look()
				assert.ErrorIs(t, err, os.ErrNotExist, "gone")
				return nil
			})
		})
	}
}
