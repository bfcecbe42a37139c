package tail_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/quire-ci/quire-project/adapters/tail"
)

// A stream is read on from where it was left, unless its file is another one or was
// written anew meanwhile, whether anybody looked or not.
func TestResume(t *testing.T) {
	changes := maps.Clone(rewritings)
	changes["longer"] = func(t *testing.T, path string) { add(t, path, "three\n") }
	for name, rewrite := range changes {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "run.jsonl")
			write(t, path, "one\ntwo\n")
			follow(t, path, tail.Options{}, func(ctx context.Context, s *tail.Stream) error {
				if _, err := s.Next(ctx, 0); err != nil {
					return err
				}
				left := s.Position()
				rewrite(t, path)
				s.SetOffset(0)
				s.Resume(left)
				chunk, err := s.Next(ctx, 0)
				switch got := string(chunk.Data); {
				case name != "longer":
					if !errors.Is(err, tail.ErrRewritten) {
						t.Errorf("%q, %v", got, err)
					}
				case err != nil || got != "three\n" || chunk.Offset != left.Offset():
					t.Errorf("%q at %d, %v", got, chunk.Offset, err)
				}
				return nil
			})
		})
	}
}

// A file that has fewer bytes than somebody has read has been rewritten, though
// nothing of it was given yet.
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
		s.SetOffset(0)
		if chunk, err := s.Next(ctx, 0); err != nil || len(chunk.Data) != 8 {
			t.Errorf("anew: %q, %v", chunk.Data, err)
		}
		return nil
	})
}

// Once a file was looked at, another one in its place is found out, though nothing of
// it was given: where something of it is expected, or was left out.
func TestLook(t *testing.T) {
	for name, begin := range map[string]func(*tail.Stream){
		"expected": func(s *tail.Stream) { s.Expect(4) },
		"left out": func(s *tail.Stream) { s.Skip(4) },
		"neither":  func(*tail.Stream) {},
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
				if rewritten := errors.Is(err, tail.ErrRewritten); rewritten == (name == "neither") {
					t.Errorf("%q, %v", chunk.Data, err)
				}
				return nil
			})
			follow(t, path, tail.Options{}, func(ctx context.Context, s *tail.Stream) error {
				if err := os.Remove(path); err != nil {
					return err
				}
				if _, err := s.Look(); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("gone: %v", err)
				}
				return nil
			})
		})
	}
}
