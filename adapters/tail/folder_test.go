package tail_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/tail"
)

// book records what was read of each stream.
type book struct {
	t       fataler
	mu      sync.Mutex
	reading map[string]bool
	calls   map[string]int
	content map[string]string
	changed chan struct{}
}

func newBook(t fataler) *book {
	return &book{t: t, reading: map[string]bool{}, calls: map[string]int{}, content: map[string]string{}, changed: make(chan struct{}, 1)}
}

// begin records that reading a stream begins. Two readers at a time are an error.
func (b *book) begin(path string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.reading[path] {
		return fmt.Errorf("%s is read twice at a time", path)
	}
	b.reading[path] = true
	b.calls[path]++
	return nil
}

func (b *book) end(path, content string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reading[path] = false
	b.content[path] = content
	select {
	case b.changed <- struct{}{}:
	default:
	}
}

// await waits until the streams have been read as wanted.
func (b *book) await(want map[string]string) {
	b.t.Helper()
	deadline := time.After(long)
	for {
		b.mu.Lock()
		got := maps.Clone(b.content)
		b.mu.Unlock()
		if maps.Equal(got, want) {
			return
		}
		select {
		case <-b.changed:
		case <-deadline:
			b.t.Fatalf("read %q, want %q", got, want)
		}
	}
}

const lastLine = "end\n"

// untilEnd reads streams until their last line.
func (b *book) untilEnd(ctx context.Context, s *tail.Stream) error {
	if err := b.begin(s.Path()); err != nil {
		return err
	}
	var content strings.Builder
	for !strings.HasSuffix(content.String(), lastLine) {
		chunk, err := s.Next(ctx, 20)
		if err != nil {
			return err
		}
		content.Write(chunk.Data)
	}
	b.end(s.Path(), content.String())
	return nil
}

// asItIs reads the current contents of a stream.
func (b *book) asItIs(_ context.Context, s *tail.Stream) error {
	if err := b.begin(s.Path()); err != nil {
		return err
	}
	var content strings.Builder
	for {
		chunk, err := s.Rest(3)
		if errors.Is(err, tail.ErrRewritten) || errors.Is(err, os.ErrNotExist) {
			content.Reset()
			s.Restart()
			if errors.Is(err, os.ErrNotExist) {
				break
			}
			continue
		}
		if err == io.EOF {
			break
		} else if err != nil {
			return err
		}
		content.Write(chunk.Data)
	}
	b.end(s.Path(), content.String())
	return nil
}

// Each run that appears in a folder, at any time and place, is read once and to its end.
func TestRunsAppear(t *testing.T) {
	base := t.TempDir()
	inAllWays(t, func(t *testing.T, options tail.Options) {
		tries := 0
		rapid.Check(t, func(t *rapid.T) {
			tries++
			root := filepath.Join(base, options.Poll.String()+fmt.Sprint(options.PollOnly, tries))
			runs := rapid.SliceOfNDistinct(rapid.StringMatching(`([ab]/){0,3}([cd]|\.hidden|\.\.\.|é)\.jsonl`), 0, 8, rapid.ID).Draw(t, "runs")
			before := rapid.IntRange(-1, len(runs)).Draw(t, "are there before")
			b := newBook(t)
			stop := func() {}
			want := map[string]string{}
			for i, run := range append(runs, "") {
				if i == max(before, 0) {
					if before == 0 {
						_ = os.MkdirAll(root, 0o777)
					}
					stop = background(t, root, options, b.untilEnd)
				}
				if run == "" {
					break
				}
				path := filepath.Join(root, run)
				want[path] = strings.Repeat("a line of "+run+"\n", i) + lastLine
				makeRun(t, path, want[path], rapid.IntRange(0, 3).Draw(t, "how it appears"))
			}
			b.await(want)
			stop()
			for path, calls := range b.calls {
				require.Equal(t, 1, calls, path)
			}
		})
	})
}

// makeRun makes a run: it is written in two parts or, in a new folder, moved to its place with the
// folder.
func makeRun(t fataler, path, content string, how int) {
	folder := filepath.Dir(path)
	_, err := os.Stat(folder)
	if how == 0 && err != nil {
		_ = os.MkdirAll(filepath.Dir(folder), 0o777)
		elsewhere, err := os.MkdirTemp(filepath.Join(os.TempDir()), "tail-run-")
		if err != nil {
			t.Fatalf("%v", err)
		}
		add(t, filepath.Join(elsewhere, filepath.Base(path)), content)
		if err := os.Rename(elsewhere, folder); err != nil {
			t.Fatalf("%v", err)
		}
		return
	}
	_ = os.MkdirAll(folder, 0o777)
	half := len(content) / max(1, how)
	add(t, path, content[:half])
	time.Sleep(time.Duration(how) * 200 * time.Microsecond)
	add(t, path, content[half:])
}

// After any changes of the files of a folder, the last read has their final contents.
func TestRunsChange(t *testing.T) {
	base := t.TempDir()
	inAllWays(t, func(t *testing.T, options tail.Options) {
		tries := 0
		rapid.Check(t, func(t *rapid.T) {
			tries++
			root := filepath.Join(base, options.Poll.String()+fmt.Sprint(options.PollOnly, tries))
			_ = os.Mkdir(root, 0o777)
			b := newBook(t)
			stop := background(t, root, options, b.asItIs)
			paths := []string{filepath.Join(root, "a.jsonl"), filepath.Join(root, "b", "b.jsonl")}
			want := map[string]string{}
			for i := range rapid.IntRange(0, 8).Draw(t, "changes") {
				path := rapid.SampledFrom(paths).Draw(t, "path")
				text := strings.Repeat("x", 16<<i) + "\n" + rapid.SampledFrom([]string{"", "half", "more\n"}).Draw(t, "text")
				want[path] = alter(t, path, want[path], text, rapid.IntRange(0, 3).Draw(t, "how"))
				if rapid.Bool().Draw(t, "wait") {
					b.await(want)
				}
			}
			b.await(want)
			stop()
		})
	})
}

// alter changes a file and returns its new contents.
func alter(t fataler, path, content, text string, how int) string {
	_ = os.MkdirAll(filepath.Dir(path), 0o777)
	switch how {
	case 0:
		add(t, path, text)
		return content + text
	case 1:
		write(t, path, text)
	case 2:
		write(t, path+".new", text)
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatalf("%v", err)
		}
	case 3:
		_ = os.Remove(path)
		write(t, path, text)
	}
	return text
}

// Follow ignores files that are not streams, and follows links to streams.
func TestWhatIsAStream(t *testing.T) {
	inAllWays(t, func(t *testing.T, options tail.Options) {
		root, elsewhere := t.TempDir(), t.TempDir()
		b := newBook(t)
		for _, path := range []string{"a.jsonl.gz", "b.log", "folder.jsonl/c.txt", "jsonl"} {
			_ = os.MkdirAll(filepath.Dir(filepath.Join(root, path)), 0o777)
			write(t, filepath.Join(root, path), lastLine)
		}
		write(t, filepath.Join(elsewhere, "in-folder.jsonl"), lastLine)
		write(t, filepath.Join(elsewhere, "growing"), "line\n")
		link(t, elsewhere, filepath.Join(root, "folder"))
		warned := make(chan error, 1)
		options.Warn = func(err error) { warned <- err }
		link(t, filepath.Join(elsewhere, "growing"), filepath.Join(root, "link.jsonl"))
		link(t, filepath.Join(elsewhere, "nothing"), filepath.Join(root, "dangling.jsonl"))
		linked := filepath.Join(t.TempDir(), "root")
		link(t, root, linked)
		stop := background(t, linked, options, b.untilEnd)
		for len(b.changed) == 0 && b.count() == 0 {
			time.Sleep(time.Millisecond)
		}
		add(t, filepath.Join(elsewhere, "growing"), lastLine)
		b.await(map[string]string{filepath.Join(linked, "link.jsonl"): "line\n" + lastLine})
		stop()
		assert.Equal(t, 1, b.count(), "%v", b.calls)
		var unreadable *tail.UnreadableError
		if err := <-warned; !errors.As(err, &unreadable) || unreadable.Path != filepath.Join(linked, "folder") {
			t.Errorf("warned of %v, and not of the link to a folder", err)
		}
	})
}

// If a folder has an events.jsonl, Follow ignores all other streams in it, whenever they appear. It
// keeps following streams that it found earlier.
func TestFollowWhereRunsHaveCheckouts(t *testing.T) {
	inAllWays(t, func(t *testing.T, options tail.Options) {
		root := t.TempDir()
		in := func(path string) string { return filepath.Join(root, filepath.FromSlash(path)) }
		makeRun(t, in("1/events.jsonl"), lastLine, 0)
		makeRun(t, in("1/checkout/a.jsonl"), lastLine, 0)
		makeRun(t, in("2/early.jsonl"), "line\n", 0)
		makeRun(t, in("3/events.jsonl.gz"), "", 0)
		makeRun(t, in("3/a.jsonl"), lastLine, 0)
		b := newBook(t)
		stop := background(t, root, options, b.untilEnd)
		want := map[string]string{in("1/events.jsonl"): lastLine}
		b.await(want)
		for b.callsOf(in("2/early.jsonl")) == 0 {
			time.Sleep(time.Millisecond)
		}
		makeRun(t, in("2/events.jsonl"), lastLine, 0)
		want[in("2/events.jsonl")] = lastLine
		b.await(want)
		for _, hidden := range []string{"1/b.jsonl", "1/checkout/b.jsonl", "1/new/deep/c.jsonl", "2/late.jsonl", "2/new/late.jsonl"} {
			makeRun(t, in(hidden), lastLine, 0)
		}
		add(t, in("2/early.jsonl"), lastLine)
		makeRun(t, in("4/events.jsonl"), lastLine, 0)
		want[in("2/early.jsonl")], want[in("4/events.jsonl")] = "line\n"+lastLine, lastLine
		b.await(want)
		stop()
		assert.Equal(t, 4, b.count(), "%v", b.calls)
	})
}

func (b *book) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.calls)
}

func (b *book) callsOf(path string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.calls[path]
}

func link(t fataler, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatalf("%v", err)
	}
}

// Options can name other files as streams.
func TestOptionsStream(t *testing.T) {
	root := t.TempDir()
	options := tail.Options{Stream: func(path string) bool { return path == filepath.Join(root, "a", "x.log") }}
	b := newBook(t)
	stop := background(t, root, options, b.untilEnd)
	makeRun(t, filepath.Join(root, "x.log"), lastLine, 1)
	makeRun(t, filepath.Join(root, "x.jsonl"), lastLine, 1)
	makeRun(t, filepath.Join(root, "a", "x.log"), lastLine, 0)
	b.await(map[string]string{filepath.Join(root, "a", "x.log"): lastLine})
	stop()
}

// An error of one stream ends Follow, which returns it.
func TestErrorEndsAll(t *testing.T) {
	root := t.TempDir()
	broken := errors.New("the store is gone")
	for _, name := range []string{"a", "b", "c"} {
		write(t, filepath.Join(root, name+".jsonl"), "line\n")
	}
	err := tail.Follow(context.Background(), root, tail.Options{}, func(ctx context.Context, s *tail.Stream) error {
		if filepath.Base(s.Path()) == "b.jsonl" {
			return broken
		}
		for {
			if _, err := s.Next(ctx, 0); err != nil {
				return err
			}
		}
	})
	assert.ErrorIs(t, err, broken)
}

// Follow reports an unreadable folder once, and follows the other folders.
func TestUnreadableFolder(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root can read everything")
	}
	root := t.TempDir()
	locked := filepath.Join(root, "a\x1b[2J")
	_ = os.Mkdir(locked, 0o300)
	var mu sync.Mutex
	var warned []string
	options := tail.Options{Poll: time.Millisecond, PollOnly: true, Warn: func(err error) {
		mu.Lock()
		defer mu.Unlock()
		warned = append(warned, err.Error())
	}}
	b := newBook(t)
	stop := background(t, root, options, b.untilEnd)
	time.Sleep(20 * time.Millisecond)
	makeRun(t, filepath.Join(root, "x.jsonl"), lastLine, 1)
	b.await(map[string]string{filepath.Join(root, "x.jsonl"): lastLine})
	stop()
	if len(warned) != 1 || strings.Contains(warned[0], "\x1b") {
		t.Errorf("%q", warned)
	}
}

// Follow returns errors that occur while it ends.
func TestErrorAtTheEnd(t *testing.T) {
	root := t.TempDir()
	broken := errors.New("the last rows could not be stored")
	write(t, filepath.Join(root, "a.jsonl"), "line\n")
	write(t, filepath.Join(root, "b.jsonl"), "line\n")
	ctx, cancel := context.WithCancel(context.Background())
	err := tail.Follow(ctx, root, tail.Options{}, func(ctx context.Context, s *tail.Stream) error {
		if filepath.Base(s.Path()) == "b.jsonl" {
			cancel()
			<-ctx.Done()
			return broken
		}
		<-ctx.Done()
		return ctx.Err()
	})
	assert.ErrorIs(t, err, broken)
}

// A file that was overwritten has changed, even if its length is the same.
func TestChangedInPlace(t *testing.T) {
	inAllWays(t, func(t *testing.T, options tail.Options) {
		path := filepath.Join(t.TempDir(), "run.jsonl")
		write(t, path, "one\n")
		b := newBook(t)
		stop := background(t, filepath.Dir(path), options, b.asItIs)
		b.await(map[string]string{path: "one\n"})
		time.Sleep(20 * time.Millisecond) // the resolution of file system clocks
		file, err := os.OpenFile(path, os.O_WRONLY, 0)
		require.NoError(t, err)
		_, _ = file.WriteString("two\n")
		_ = file.Close()
		b.await(map[string]string{path: "two\n"})
		stop()
	})
}

// Follow does not miss lines that are added between the latest check of a stream and the return of the
// function that reads it.
func TestChangedWhileReturning(t *testing.T) {
	inAllWays(t, func(t *testing.T, options tail.Options) {
		path := filepath.Join(t.TempDir(), "run.jsonl")
		write(t, path, "one\n")
		b := newBook(t)
		stop := background(t, filepath.Dir(path), options, func(ctx context.Context, s *tail.Stream) error {
			if err := b.asItIs(ctx, s); err != nil {
				return err
			}
			if b.callsOf(path) == 1 {
				add(t, path, "two\n")
				time.Sleep(20 * time.Millisecond) // until the change has been reported
			}
			return nil
		})
		b.await(map[string]string{path: "one\ntwo\n"})
		stop()
	})
}
