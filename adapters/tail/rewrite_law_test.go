package tail_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/internal/waittest"
	"github.com/quire-ci/quire-project/adapters/tail"
)

// given is the data of each stream since it was last read from its start.
type given struct {
	mu      sync.Mutex
	content map[string][]byte
}

func (g *given) set(path string, content []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.content[path] = content
}

func (g *given) of(path string) []byte {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.content[path]
}

// each reads a stream from its start, and checks the digest of each chunk.
func (g *given) each(ctx context.Context, s *tail.Stream) error {
	var content []byte
	g.set(s.Path(), content)
	for {
		chunk, err := s.Next(ctx, 1000)
		switch {
		case errors.Is(err, tail.ErrRewritten):
			content = nil
			s.Restart()
		case err != nil:
			return err
		case chunk.Offset != int64(len(content)):
			return fmt.Errorf("a chunk at %d of %d", chunk.Offset, len(content))
		}
		content = append(bytes.Clone(content), chunk.Data...)
		if err == nil && chunk.SHA256 != sha256.Sum256(content) {
			return fmt.Errorf("the digest at %d is not that of the stream", len(content))
		}
		g.set(s.Path(), content)
	}
}

// rewrite changes a file in a random way.
func rewrite(t *rapid.T, path string, old []byte) []byte {
	line := rapid.SampledFrom([]string{"a line\n", "one\n", "a line that is longer than what is remembered of a file, namely some sixty-four bytes\n"})
	content := bytes.Clone(old)
	switch rapid.SampledFrom([]string{"append", "append", "same size", "same end", "one byte", "new", "shorter", "none"}).Draw(t, "what") {
	case "append":
		content = append(content, line.Draw(t, "line")...)
	case "same size": // other lines of the same lengths
		content = bytes.Map(func(r rune) rune {
			if r == '\n' {
				return r
			}
			return (r-'a'+1)%26 + 'a'
		}, content)
	case "same end": // and longer
		keep := min(len(content), 100)
		for i := range content[:len(content)-keep] {
			content[i] ^= 1
		}
		content = append(bytes.ReplaceAll(content, []byte("\v"), []byte("\n")), line.Draw(t, "line")...)
	case "one byte":
		if len(content) > 1 {
			content[rapid.IntRange(0, len(content)-2).Draw(t, "at")] = '.'
		}
	case "new":
		content = bytes.Repeat([]byte(line.Draw(t, "line")), rapid.IntRange(0, 100).Draw(t, "lines"))
	case "shorter":
		content = content[:rapid.IntRange(0, len(content)).Draw(t, "length")]
	}
	put(t, path, content, rapid.SampledFrom([]string{"in place", "truncated", "renamed", "removed", "with its old time"}).Draw(t, "how"))
	return content
}

// put replaces the contents of a file.
func put(t *rapid.T, path string, content []byte, how string) {
	before, err := os.Stat(path)
	target := path
	switch how {
	case "renamed":
		target = path + ".new"
	case "removed":
		_ = os.Remove(path)
	}
	if how == "in place" || how == "with its old time" { // byte by byte, over what is there
		file, openErr := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o666)
		require.NoError(t, openErr)
		_, writeErr := file.WriteAt(content, 0)
		if cutErr := file.Truncate(int64(len(content))); writeErr != nil || cutErr != nil {
			t.Fatal(writeErr, cutErr)
		}
		_ = file.Close()
	} else {
		write(t, target, string(content))
	}
	if target != path {
		require.NoError(t, os.Rename(target, path))
	}
	if err == nil && how == "with its old time" {
		_ = os.Chtimes(path, before.ModTime(), before.ModTime())
	}
}

// However a file is rewritten, in place or by replacement, longer, shorter or equally long, and
// whether or not the stream was released: the data that was read since the latest ErrRewritten finally
// equals the file's contents.
func TestRewriteLaw(t *testing.T) {
	base := t.TempDir()
	for name, options := range map[string]tail.Options{
		"told": {}, "polled": {Poll: time.Millisecond, PollOnly: true},
		"let go": {Poll: time.Millisecond, Quiet: func(int64) time.Duration { return time.Millisecond }},
	} {
		t.Run(name, func(t *testing.T) {
			tries := 0
			rapid.Check(t, func(t *rapid.T) {
				tries++
				root := filepath.Join(base, fmt.Sprint(name, tries))
				_ = os.Mkdir(root, 0o777)
				path := filepath.Join(root, "run.jsonl")
				g := &given{content: map[string][]byte{}}
				stop := background(t, root, options.WithTick(30*time.Millisecond), g.each)
				var content []byte
				for range rapid.IntRange(1, 6).Draw(t, "changes") {
					content = rewrite(t, path, content)
					if rapid.Bool().Draw(t, "wait") {
						g.await(t, path, content)
					}
				}
				g.await(t, path, content)
				stop()
			})
		})
	}
}

// await waits until the lines of a file have been read.
func (g *given) await(t *rapid.T, path string, content []byte) {
	want := content[:bytes.LastIndexByte(content, '\n')+1]
	require.True(t, waittest.Until(func() bool { return bytes.Equal(g.of(path), want) }), "got %q\nwant %q", g.of(path), want)
}
