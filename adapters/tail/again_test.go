package tail_test

import (
	"context"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/quire-ci/quire-project/adapters/tail"
)

// A stream that is not read for a reason that lies elsewhere is handed on again, walk by
// walk, though its file does not change; other ones are not.
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
		t.Error("it is not handed on again")
	}
	stop()
	if calls[one].Load() != 5 || calls[other].Load() != 1 {
		t.Errorf("it is handed on %d times, and the other one %d times", calls[one].Load(), calls[other].Load())
	}
}

// It is handed on again by walks alone, and not at once: that would never end.
func TestAgainIsNotAtOnce(t *testing.T) {
	folder := t.TempDir()
	one, other := filepath.Join(folder, "one.jsonl"), filepath.Join(folder, "other.jsonl")
	write(t, one, "1\n")
	var calls atomic.Int64
	met := make(chan struct{}, 9) // it may be found before it is written
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
