package tail_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/quire-ci/quire-project/adapters/tail"
)

func TestMain(m *testing.M) {
	files := openFiles()
	code := m.Run()
	if left := leaks(files); code == 0 && left != "" {
		fmt.Fprintln(os.Stderr, left)
		code = 1
	}
	os.Exit(code)
}

// openFiles counts the files that are open.
func openFiles() int {
	files, _ := os.ReadDir("/proc/self/fd") // none, where there is no such folder
	return len(files)
}

// leaks says what is left behind, once it had time to go away.
func leaks(before int) string {
	var goroutines, files int
	for deadline := time.Now().Add(long); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		// Only the goroutines and files of main, and a few of the runtime, remain.
		if goroutines, files = runtime.NumGoroutine(), openFiles(); goroutines <= 3 && files <= before+3 {
			return ""
		}
	}
	stacks := make([]byte, 1<<20)
	return fmt.Sprintf("leaked: %d files, %d goroutines\n%s", files-before, goroutines, stacks[:runtime.Stack(stacks, true)])
}

// long is a time in which everything has happened, unless it never does.
const long = 5 * time.Minute

// ways are those in which a change is found.
var ways = map[string]tail.Options{
	"told":   {Poll: time.Hour}, // by the watcher alone
	"polled": {Poll: time.Millisecond, PollOnly: true},
	"both":   {Poll: time.Millisecond},
}

func inAllWays(t *testing.T, test func(t *testing.T, options tail.Options)) {
	for name, options := range ways {
		options.Warn = func(err error) { t.Errorf("warned: %v", err) }
		t.Run(name, func(t *testing.T) { test(t, options) })
	}
}

type fataler interface {
	Helper()
	Fatalf(string, ...any)
}

// follow follows a single stream until each returns.
func follow(t fataler, path string, options tail.Options, each func(context.Context, *tail.Stream) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), long)
	defer cancel()
	if err := tail.Follow(ctx, path, options, each); err != nil {
		t.Fatalf("%v", err)
	}
}

// background follows until the function that is returned is called.
func background(t fataler, path string, options tail.Options, each func(context.Context, *tail.Stream) error) (stop func()) {
	ctx, cancel := context.WithTimeout(context.Background(), long)
	result := make(chan error, 1)
	go func() { result <- tail.Follow(ctx, path, options, each) }()
	return func() {
		t.Helper()
		cancel()
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Fatalf("Follow ended with: %v", err)
		}
	}
}

func write(t fataler, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatalf("%v", err)
	}
}

func add(t fataler, path, text string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer file.Close()
	if _, err := file.WriteString(text); err != nil {
		t.Fatalf("%v", err)
	}
}
