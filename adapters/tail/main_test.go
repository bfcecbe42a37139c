package tail_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/quire-ci/quire-project/adapters/internal/waittest"
	"github.com/quire-ci/quire-project/adapters/tail"
)

func TestMain(m *testing.M) { os.Exit(waittest.Main(m)) }

const long = waittest.Patience

// ways are the ways in which changes are found.
var ways = map[string]tail.Options{
	"told":   {Poll: time.Hour}, // only by the watcher
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

// background follows until you call stop.
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
