package tail_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/tail"
)

// rewritings are ways to change a file after "one\ntwo\n" was read from it.
var rewritings = map[string]func(t *testing.T, path string){
	"cut":                   func(t *testing.T, path string) { write(t, path, "one\n") },
	"emptied":               func(t *testing.T, path string) { write(t, path, "") },
	"cut and written anew":  func(t *testing.T, path string) { write(t, path, "un\ndeux\ntrois\nquatre\n") },
	"removed and back":      func(t *testing.T, path string) { _ = os.Remove(path); write(t, path, "uno\ndos\ntres\n") },
	"away for a while":      func(t *testing.T, path string) { away(t, path); write(t, path, "uno\ndos\ntres\n") },
	"away, and shorter":     func(t *testing.T, path string) { away(t, path); write(t, path, "") },
	"another in its place":  func(t *testing.T, path string) { replace(t, path, "one\ntwo\n") },
	"a longer in its place": func(t *testing.T, path string) { replace(t, path, "one\ntwo\nthree\n") },
}

func away(t *testing.T, path string) {
	require.NoError(t, os.Remove(path))
	time.Sleep(20 * time.Millisecond) // so that it can be noticed
}

func replace(t *testing.T, path, text string) {
	write(t, path+".new", text)
	require.NoError(t, os.Rename(path+".new", path))
}

// Next reports a rewritten file until the stream is restarted.
func TestRewritten(t *testing.T) {
	inAllWays(t, func(t *testing.T, options tail.Options) {
		for name, rewrite := range rewritings {
			t.Run(name, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "a\nb.jsonl")
				write(t, path, "one\ntwo\n")
				follow(t, path, options, func(ctx context.Context, s *tail.Stream) error {
					if _, err := s.Next(ctx, 0); err != nil {
						return err
					}
					rewritten := make(chan struct{})
					go func() { defer close(rewritten); rewrite(t, path) }()
					_, err := s.Next(ctx, 0)
					<-rewritten
					if !errors.Is(err, tail.ErrRewritten) || strings.Contains(err.Error(), "\n") {
						t.Errorf("%v", err)
					}
					for range 2 {
						if _, err := s.Next(ctx, 0); !errors.Is(err, tail.ErrRewritten) || s.Idle() {
							t.Errorf("again: %v", err)
						}
						_, err := s.Rest(0)
						assert.ErrorIs(t, err, tail.ErrRewritten, "the rest")
					}
					s.Restart()
					want, _ := os.ReadFile(path)
					chunk, err := s.Rest(0)
					if string(chunk.Data) != string(want) || err != nil && (err != io.EOF || len(want) > 0) {
						t.Errorf("from its start: %q, %v", chunk.Data, err)
					}
					return nil
				})
			})
		}
	})
}

// A file that was not read yet cannot count as rewritten.
func TestReplacedBeforeItIsRead(t *testing.T) {
	inAllWays(t, func(t *testing.T, options tail.Options) {
		for name, rewrite := range rewritings {
			t.Run(name, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "run.jsonl")
				write(t, path, "only half a line, which is longer than what comes")
				follow(t, path, options, func(ctx context.Context, s *tail.Stream) error {
					assert.True(t, s.Idle(), "half a line is taken for a whole one")
					rewritten := make(chan struct{})
					go func() {
						defer close(rewritten)
						rewrite(t, path)
						add(t, path, lastLine)
					}()
					got := ""
					for !strings.HasSuffix(got, lastLine) {
						chunk, err := s.Next(ctx, 0)
						if err != nil {
							return err
						}
						got += string(chunk.Data)
					}
					<-rewritten
					if want, _ := os.ReadFile(path); got != string(want) {
						t.Errorf("%q", got)
					}
					return nil
				})
			})
		}
	})
}

// An unfinished line can be cut off and started again, because it was not read.
func TestCutTail(t *testing.T) {
	inAllWays(t, func(t *testing.T, options tail.Options) {
		for _, length := range []int{20, 100_000, 300_000} {
			for _, looks := range []bool{false, true} {
				path := filepath.Join(t.TempDir(), "run.jsonl")
				write(t, path, "one\n"+strings.Repeat("x", length))
				want := strings.Repeat("y", length-1) + "\n"
				follow(t, path, options, func(ctx context.Context, s *tail.Stream) error {
					if _, err := s.Next(ctx, 4); err != nil || !s.Idle() {
						t.Fatal(err, s.Idle())
					}
					require.NoError(t, os.Truncate(path, 4))
					switch {
					case looks:
						s.Idle()
						add(t, path, want)
					case length < 64<<10:
						add(t, path, want+"half")
					default: // only the new part of a long line is searched
						add(t, path, want+"next\n")
					}
					chunk, err := s.Next(ctx, length)
					if got := string(chunk.Data); !strings.HasPrefix(got, want) {
						t.Errorf("%.20q of %d bytes", got, len(got))
					}
					return err
				})
			}
		}
	})
}

// If nothing was read, another file of the same length may replace the file.
func TestReplacedByOneAsLong(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.jsonl")
	write(t, path, "half")
	follow(t, path, tail.Options{}, func(ctx context.Context, s *tail.Stream) error {
		assert.True(t, s.Idle(), "half a line is taken for a whole one")
		replace(t, path, "one\n")
		chunk, err := s.Next(ctx, 0)
		assert.Equal(t, "one\n", string(chunk.Data))
		return err
	})
}

// A file that is gone has no rest.
func TestGone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.jsonl")
	write(t, path, "one\n")
	follow(t, path, tail.Options{}, func(ctx context.Context, s *tail.Stream) error {
		require.NoError(t, os.Remove(path))
		if _, err := s.Rest(0); !errors.Is(err, os.ErrNotExist) || !s.Idle() {
			t.Error(err, s.Idle())
		}
		ctx, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		defer cancel()
		_, err := s.Next(ctx, 0)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		return nil
	})
}

// The option Gone limits how long a missing file is awaited.
func TestGoneForLong(t *testing.T) {
	inAllWays(t, func(t *testing.T, options tail.Options) {
		path := filepath.Join(t.TempDir(), "run.jsonl")
		write(t, path, "one\n")
		options.Gone = 50 * time.Millisecond
		follow(t, path, options, func(ctx context.Context, s *tail.Stream) error {
			if _, err := s.Next(ctx, 0); err != nil {
				return err
			}
			began := time.Now()
			time.AfterFunc(20*time.Millisecond, func() { _ = os.Remove(path) })
			_, err := s.Next(ctx, 0)
			if took := time.Since(began); !errors.Is(err, os.ErrNotExist) || took < options.Gone {
				t.Errorf("%v after %v", err, took)
			}
			return nil
		})
	})
}

// A file that was missing counts as another one, even if its bytes and its inode are the same.
func TestBackAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.jsonl")
	write(t, path, "one\n")
	follow(t, path, tail.Options{}, func(ctx context.Context, s *tail.Stream) error {
		if _, err := s.Next(ctx, 0); err != nil {
			return err
		}
		if err := os.Rename(path, path+".away"); err != nil {
			return err
		}
		s.Idle() // looks
		if err := os.Rename(path+".away", path); err != nil {
			return err
		}
		_, err := s.Next(ctx, 0)
		assert.ErrorIs(t, err, tail.ErrRewritten)
		return nil
	})
}

// Follow refuses files that cannot grow.
func TestNoFile(t *testing.T) {
	never := func(context.Context, *tail.Stream) error { t.Error("it was followed"); return nil }
	folder := t.TempDir()
	write(t, filepath.Join(folder, "file"), "")
	for _, path := range []string{"", os.DevNull, filepath.Join(folder, "file", "in it")} {
		assert.Error(t, tail.Follow(context.Background(), path, tail.Options{}, never), "%q", path)
	}
	path := filepath.Join(folder, "run.jsonl")
	write(t, path, "")
	follow(t, path, tail.Options{}, func(ctx context.Context, s *tail.Stream) error {
		_ = os.Remove(path)
		_ = os.Mkdir(path, 0o777)
		if _, err := s.Next(ctx, 0); err == nil || errors.Is(err, tail.ErrRewritten) {
			t.Error(err)
		}
		return nil
	})
}

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

// If the caller expects bytes of a file that Look has seen, a replacement of the file is reported,
// even if nothing was read.
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
