package tail_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/quire-ci/quire-project/adapters/tail"
)

// However many streams there are, only a few hold a chunk at the same time. All get their turn, and
// the end of the context releases those that wait.
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
		others.Wait() // with the chunk in hand
		return ctx.Err()
	})
	if err != context.Canceled {
		t.Error(err)
	}
}

// Next heeds its own context too while it waits for a hand.
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
			<-ctx.Done() // with the chunk in hand
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
