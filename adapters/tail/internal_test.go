package tail

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/printable"
)

// If the watcher has lost events, Follow checks all streams. It reports other errors of the watcher
// once.
func TestWatcherLosesEvents(t *testing.T) {
	root := t.TempDir()
	path := func(name string) string { return filepath.Join(root, name) }
	put := func(name, text string) {
		require.NoError(t, os.WriteFile(path(name), []byte(text), 0o666))
	}
	put("old.jsonl", "")
	ctx, cancel := context.WithCancel(context.Background())
	lines := make(chan string)
	warned := 0
	// No watcher reports changes, and no poll is due.
	options := Options{PollOnly: true, Poll: time.Hour, Warn: func(error) { warned++ }}.withDefaults()
	f := newFollower(ctx, root, options, func(ctx context.Context, s *Stream) error {
		lines <- "began"
		for {
			chunk, err := s.Next(ctx, 0)
			if err != nil {
				return err
			}
			lines <- filepath.Base(s.Path()) + ": " + string(chunk.Data)
		}
	})
	done := make(chan error, 1)
	go func() { done <- f.run() }()
	<-lines
	time.Sleep(10 * time.Millisecond)
	put("new.jsonl", "new")
	put("old.jsonl", "line\n")
	select {
	case line := <-lines:
		t.Fatalf("%q, although no change was reported", line)
	case <-time.After(20 * time.Millisecond):
	}
	f.notifier.failed(fsnotify.ErrEventOverflow)
	for want := map[string]bool{"began": true, "old.jsonl: line\n": true}; len(want) > 0; {
		line := <-lines
		assert.True(t, want[line], "%q", line)
		delete(want, line)
	}
	for range 3 {
		f.notifier.failed(errors.New("the watcher is ill"))
		time.Sleep(5 * time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil || warned != 1 {
		t.Error(err, warned)
	}
	for range 2 {
		assert.NoError(t, f.ended(<-f.returned))
	}
}

// Sending events never blocks, however many there are.
func TestNotifierNeverWaits(t *testing.T) {
	n := newNotifier(Options{}.withDefaults().Stream)
	n.place("/runs", "runs")
	s := newStream("runs/a.jsonl", nil, Options{}, hands{})
	n.add(s, "/runs/a.jsonl", "/elsewhere/a")
	for range 100_000 {
		n.changed(fsnotify.Event{Name: "/runs/a.jsonl", Op: fsnotify.Write})
		n.changed(fsnotify.Event{Name: "/elsewhere/a", Op: fsnotify.Write})
		n.changed(fsnotify.Event{Name: "/runs/b.jsonl", Op: fsnotify.Write})
		n.changed(fsnotify.Event{Name: "/runs/sh-1.log", Op: fsnotify.Write})
		n.changed(fsnotify.Event{Name: "/runs/folder", Op: fsnotify.Create})
	}
	news := n.take()
	if len(s.woken) != 1 || len(n.signal) != 1 || len(news.names) != 2 {
		t.Errorf("%d, %d, %v", len(s.woken), len(n.signal), news)
	}
	n.remove(s, "/runs/a.jsonl", "/elsewhere/a")
	assert.LessOrEqual(t, len(n.streams)+len(n.linked)+len(n.take().names), 0, "%+v", n)
}

// The pauses between checks of a stream grow while nothing changes, and are short again after a change.
func TestPausesGrow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.jsonl")
	require.NoError(t, os.WriteFile(path, []byte("half"), 0o666))
	const poll = time.Millisecond
	s := newStream(path, nil, Options{Poll: poll, PollOnly: true}.withDefaults(), hands{t.Context(), make(chan struct{}, 1), &checks{}})
	for within := 500 * time.Millisecond; s.pause != slowest*poll; within *= 2 { // longer on a machine that is busy
		require.Less(t, within, time.Hour)
		ctx, cancel := context.WithTimeout(context.Background(), within)
		_, err := s.Next(ctx, 0)
		cancel()
		require.Error(t, err)
	}
	require.NoError(t, os.WriteFile(path, []byte("half a"), 0o666))
	if !s.Idle() || s.pause != poll {
		t.Error(s.pause)
	}
}

// A buffer is as large as necessary, and that of a long line is not kept.
func TestBuffers(t *testing.T) {
	for n, want := range map[int]int{0: 0, 1: 4 << 10, 4096: 4 << 10, 4097: 8 << 10, 1<<20 + 64: 2 << 20, 3 << 20: 3 << 20} {
		b := buffer(n)
		if len(*b) != n || cap(*b) != want {
			t.Errorf("%d of %d for %d", len(*b), cap(*b), n)
		}
		free(b)
	}
}

// A file name cannot control the terminal.
func TestPrintable(t *testing.T) {
	for name, want := range map[string]string{
		"runs/é/run 1.jsonl": "runs/é/run 1.jsonl",
		"a\nb":               `"a\nb"`,
		"\x1b[2J":            `"\x1b[2J"`,
		"\xff":               `"\xff"`,
		"\u202e":             `"\u202e"`,
	} {
		assert.Equal(t, want, printable.Name(name))
	}
}

// A follower forgets a stream whose file is gone.
func TestForgets(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"a", "b"} {
		require.NoError(t, os.WriteFile(filepath.Join(root, name+".jsonl"), nil, 0o666))
	}
	f := newFollower(context.Background(), root, Options{PollOnly: true}.withDefaults(),
		func(context.Context, *Stream) error { return nil })
	f.walk()
	for range 2 {
		require.NoError(t, f.ended(<-f.returned))
	}
	require.NoError(t, os.Remove(filepath.Join(root, "a.jsonl")))
	f.walk()
	if len(f.turns) != 1 || f.running != 0 || len(f.notifier.streams) != 0 {
		t.Errorf("%d turns, %d running", len(f.turns), f.running)
	}
}

// A stream is still followed while its file is gone. When the file is back, it is not followed twice.
func TestFollowedOnceWhileGone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.jsonl")
	require.NoError(t, os.WriteFile(path, nil, 0o666))
	done := make(chan struct{})
	f := newFollower(context.Background(), filepath.Dir(path), Options{PollOnly: true}.withDefaults(),
		func(context.Context, *Stream) error { <-done; return nil })
	f.walk()
	require.NoError(t, os.Rename(path, path+".away"))
	f.walk()
	require.NoError(t, os.Rename(path+".away", path))
	f.walk()
	close(done)
	assert.Equal(t, 1, f.running)
	for range f.running {
		<-f.returned
	}
}

// A file has changed if any of its known properties has.
func TestChanged(t *testing.T) {
	folder := t.TempDir()
	then := time.Unix(1_000_000, 0)
	file := func(name, text string, at time.Time) os.FileInfo {
		path := filepath.Join(folder, name)
		require.NoError(t, errors.Join(os.WriteFile(path, []byte(text), 0o666), os.Chtimes(path, at, at)))
		info, err := os.Stat(path)
		require.NoError(t, err)
		return info
	}
	was := file("a", "one", then)
	assert.False(t, changed(was, was), "the same file has changed")
	time.Sleep(20 * time.Millisecond) // a tick
	if is := file("a", "two", then); changed(was, is) == changeTime(is).IsZero() {
		t.Errorf("other bytes under the same time of modification: changed is %v", changed(was, is))
	}
	if !changed(was, file("b", "one", then)) || !changed(was, file("a", "three", then)) || !changed(was, file("a", "one", then.Add(1e9))) {
		t.Error("another file, length or time is not noticed")
	}
}

// All comparisons together take at most one percent of the time.
func TestChecksAreSpread(t *testing.T) {
	var c checks
	first := c.reserve()
	c.took(time.Second)
	if next := c.reserve(); next.Sub(first) < checkShare*time.Second {
		t.Errorf("after a second of comparing, the next one begins %v later", next.Sub(first))
	}
	if a, b := c.reserve(), c.reserve(); b.Sub(a) < checkPause {
		t.Errorf("two that compare begin %v after each other", b.Sub(a))
	}
}

// A long stream is not compared as a whole each time it grows by a line.
func TestAppendingIsCheap(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.jsonl")
	require.NoError(t, os.WriteFile(path, bytes.Repeat([]byte("a line\n"), 1<<20), 0o666))
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	defer file.Close()
	s := newStream(path, nil, Options{PollOnly: true}.withDefaults(), hands{t.Context(), make(chan struct{}, 1), &checks{}})
	s.hands.checks.took(time.Hour) // no time is left for comparisons
	for range 1000 {
		_, err := s.Next(t.Context(), 8<<20)
		require.NoError(t, err)
		if pause, err := s.inspect(t.Context()); err != nil || pause == 0 {
			t.Fatalf("it is compared nevertheless, %v", err)
		}
		_, err = file.WriteString("a line\n")
		require.NoError(t, err)
	}
}
