package tail_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/waittest"
	"github.com/quire-ci/quire-project/adapters/tail"
)

// The path may appear later, together with the folders above it.
func TestNotThereYet(t *testing.T) {
	inAllWays(t, func(t *testing.T, options tail.Options) {
		root := t.TempDir()
		single, folder := filepath.Join(root, "a", "b", "run.jsonl"), filepath.Join(root, "runs", "ci")
		one, many := newBook(t), newBook(t)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			follow(t, single, options, one.untilEnd)
		}()
		stop := background(t, folder, options, many.untilEnd)
		time.Sleep(5 * time.Millisecond)
		makeRun(t, single, "line\n"+lastLine, 2)
		makeRun(t, filepath.Join(folder, "x", "run.jsonl"), "line\n"+lastLine, 0)
		one.await(map[string]string{single: "line\n" + lastLine})
		many.await(map[string]string{filepath.Join(folder, "x", "run.jsonl"): "line\n" + lastLine})
		stop()
		<-ended
	})
}

// A folder that is removed and comes back is followed again.
func TestFolderComesBack(t *testing.T) {
	inAllWays(t, func(t *testing.T, options tail.Options) {
		root := t.TempDir()
		b := newBook(t)
		stop := background(t, root, options, b.untilEnd)
		run := filepath.Join(root, "a", "b", "run.jsonl")
		for i := range 5 {
			text := fmt.Sprint(i, "\n", lastLine)
			makeRun(t, run, text, i%2)
			b.await(map[string]string{run: text})
			require.NoError(t, os.RemoveAll(filepath.Join(root, "a")))
		}
		stop()
	})
}

// A relative path refers to the working directory at the start of Follow. A link to a file is
// followed to the file.
func TestPaths(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.MkdirAll("folder/in", 0o777))
	write(t, "folder/in/run.jsonl", "line\n")
	link(t, "folder/in/run.jsonl", "link")
	link(t, "link", "link to it")
	inAllWays(t, func(t *testing.T, options tail.Options) {
		for _, path := range []string{"folder/in/run.jsonl", "./folder//in/../in/run.jsonl", "link", "link to it"} {
			write(t, path, "line\n")
			b := newBook(t)
			appended := make(chan struct{})
			go func() {
				defer close(appended)
				time.Sleep(10 * time.Millisecond)
				add(t, "folder/in/run.jsonl", lastLine)
			}()
			follow(t, path, options, b.untilEnd)
			b.await(map[string]string{path: "line\n" + lastLine})
			<-appended
		}
		for _, path := range []string{".", "./", "folder", "folder/"} {
			b := newBook(t)
			write(t, "folder/in/run.jsonl", "line\n")
			stop := background(t, path, options, b.untilEnd)
			time.Sleep(10 * time.Millisecond)
			add(t, "folder/in/run.jsonl", lastLine)
			want := map[string]string{"folder/in/run.jsonl": "line\n" + lastLine}
			b.await(want)
			stop()
		}
	})
}

// When its context ends, Follow ends at once and leaves nothing behind.
func TestEndsPromptly(t *testing.T) {
	inAllWays(t, func(t *testing.T, options tail.Options) {
		root := t.TempDir()
		const streams = 200
		for i := range streams {
			makeRun(t, filepath.Join(root, fmt.Sprint(i%7), fmt.Sprint(i, ".jsonl")), "line\nhalf", 1)
		}
		goroutines, files := runtime.NumGoroutine(), waittest.OpenFiles()
		ctx, cancel := context.WithCancel(context.Background())
		var waiting atomic.Int32
		result := make(chan error, 1)
		go func() {
			result <- tail.Follow(ctx, root, options, func(ctx context.Context, s *tail.Stream) error {
				if _, err := s.Next(ctx, 0); err != nil {
					return err
				}
				waiting.Add(1)
				_, err := s.Next(ctx, 0)
				return err
			})
		}()
		for waiting.Load() < streams {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(10 * time.Millisecond)
		// A waiting stream keeps no file open; a few are checked at this moment.
		assert.LessOrEqual(t, waittest.OpenFiles()-files, 10)
		cancel()
		assert.ErrorIs(t, <-result, context.Canceled)
		none := func() bool { return runtime.NumGoroutine() <= goroutines && waittest.OpenFiles() <= files }
		assert.True(t, waittest.Until(none), "%d goroutines and %d files are left", runtime.NumGoroutine()-goroutines, waittest.OpenFiles()-files)
	})
}

// Follow stops on request even before the path exists.
func TestEndsBeforeItBegins(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
	defer cancel()
	err := tail.Follow(ctx, filepath.Join(t.TempDir(), "never"), tail.Options{}, nil)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
}

// Of many streams, only AtOnce hold a chunk at the same time. All get their turn, and the end of the
// context releases those that wait.
func TestAtOnce(t *testing.T) {
	const streams, atOnce = 100, 3
	folder := t.TempDir()
	for i := range streams {
		write(t, filepath.Join(folder, fmt.Sprintf("%d.jsonl", i)), "one\ntwo\n")
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var mu sync.Mutex
	inHand, most, given := 0, 0, 0
	note := func(change int) {
		mu.Lock()
		defer mu.Unlock()
		inHand += change
		most = max(most, inHand)
		if change > 0 {
			given++
		}
		if given == 2*streams {
			cancel()
		}
	}
	err := tail.Follow(ctx, folder, tail.Options{AtOnce: atOnce}, func(ctx context.Context, s *tail.Stream) error {
		for range 2 {
			if _, err := s.Next(ctx, 4); err != nil {
				return err
			}
			note(1)
			time.Sleep(100 * time.Microsecond)
			note(-1)
		}
		_, err := s.Next(ctx, 4)
		return err
	})
	if err != context.Canceled || given != 2*streams || most > atOnce {
		t.Errorf("%d chunks were given, %d at once: %v", given, most, err)
	}
}

// A stream that waits for a slot stops waiting when following ends.
func TestAtOnceEnds(t *testing.T) {
	folder := t.TempDir()
	for i := range 3 {
		write(t, filepath.Join(folder, fmt.Sprintf("%d.jsonl", i)), "one\n")
	}
	ctx, cancel := context.WithCancel(context.Background())
	var others sync.WaitGroup
	others.Add(2)
	err := tail.Follow(ctx, folder, tail.Options{AtOnce: 1}, func(ctx context.Context, s *tail.Stream) error {
		if _, err := s.Next(ctx, 0); err != nil {
			others.Done()
			return err
		}
		cancel()
		others.Wait() // while it holds the chunk
		return ctx.Err()
	})
	if err != context.Canceled {
		t.Error(err)
	}
}

// Next also ends with its own context while it waits for a slot.
func TestNextEndsWithoutHand(t *testing.T) {
	folder := t.TempDir()
	for i := range 2 {
		write(t, filepath.Join(folder, fmt.Sprintf("%d.jsonl", i)), "one\n")
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	held := make(chan struct{})
	err := tail.Follow(ctx, folder, tail.Options{AtOnce: 1}, func(ctx context.Context, s *tail.Stream) error {
		if s.Path() == filepath.Join(folder, "0.jsonl") {
			if _, err := s.Next(ctx, 0); err != nil {
				return err
			}
			close(held)
			<-ctx.Done() // while it holds the chunk
			return ctx.Err()
		}
		<-held
		soon, stop := context.WithTimeout(ctx, 10*time.Millisecond)
		defer stop()
		if chunk, err := s.Next(soon, 0); err != context.DeadlineExceeded {
			t.Errorf("%q, %v", chunk.Data, err)
		}
		cancel()
		return nil
	})
	if err != context.Canceled {
		t.Error(err)
	}
}

// A stream that calls Again is handed out again at each walk, though its file does not change.
// Other streams are not.
func TestAgain(t *testing.T) {
	folder := t.TempDir()
	one, other := filepath.Join(folder, "one.jsonl"), filepath.Join(folder, "other.jsonl")
	write(t, one, "1\n")
	write(t, other, "1\n")
	calls, done := map[string]*atomic.Int64{one: {}, other: {}}, make(chan struct{})
	stop := background(t, folder, tail.Options{Poll: time.Millisecond, PollOnly: true}, func(_ context.Context, s *tail.Stream) error {
		n := calls[s.Path()].Add(1)
		if s.Path() == one && n < 5 {
			s.Again()
		} else if s.Path() == one {
			close(done)
		}
		return nil
	})
	select {
	case <-done:
	case <-time.After(long):
		t.Error("it is not handed out again")
	}
	stop()
	if calls[one].Load() != 5 || calls[other].Load() != 1 {
		t.Errorf("it is handed out %d times, and the other one %d times", calls[one].Load(), calls[other].Load())
	}
}

// A stream is handed out again only by a walk, because at once it would never end.
func TestAgainIsNotAtOnce(t *testing.T) {
	folder := t.TempDir()
	one, other := filepath.Join(folder, "one.jsonl"), filepath.Join(folder, "other.jsonl")
	write(t, one, "1\n")
	var calls atomic.Int64
	met := make(chan struct{}, 9) // the file may be found before it is written
	stop := background(t, folder, tail.Options{Poll: time.Hour}, func(_ context.Context, s *tail.Stream) error {
		if s.Path() == one {
			calls.Add(1)
			s.Again()
		} else {
			met <- struct{}{}
		}
		return nil
	})
	for calls.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	write(t, other, "1\n")
	select {
	case <-met:
	case <-time.After(long):
		t.Error("the other one is not found")
	}
	stop()
	assert.EqualValues(t, 1, calls.Load(), "it is handed")
}
