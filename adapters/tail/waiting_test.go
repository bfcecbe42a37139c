package tail_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
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

// A path is what it was when following began to use it, relative or not; a link to a file is
// followed where the file stands.
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

// When it is to end, all ends, whatever it was doing, and nothing is left.
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
		// No stream that waits holds its file; others may be looking at this moment.
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
