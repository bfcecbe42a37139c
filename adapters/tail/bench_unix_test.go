//go:build unix

package tail_test

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/quire-ci/quire-project/adapters/tail"
)

// BenchmarkIdle measures what a thousand streams cost that wait: memory, and the
// time of all processors for each second.
func BenchmarkIdle(b *testing.B) {
	b.Run("told", func(b *testing.B) { idle(b, tail.Options{}) })
	b.Run("polled", func(b *testing.B) { idle(b, tail.Options{PollOnly: true}) })
}

func idle(b *testing.B, options tail.Options) {
	const streams = 1000
	root := b.TempDir()
	for i := range streams {
		makeRun(b, filepath.Join(root, fmt.Sprint("run-", i), "events.jsonl"), "line\nhalf", 1)
	}
	before := memory()
	var waiting atomic.Int32
	stop := background(b, root, options, func(ctx context.Context, s *tail.Stream) error {
		if _, err := s.Next(ctx, 0); err != nil {
			return err
		}
		waiting.Add(1)
		_, err := s.Next(ctx, 0)
		return err
	})
	for waiting.Load() < streams {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(4 * time.Second) // until the pauses have grown
	held := memory() - before
	from := processorTime()
	b.ResetTimer()
	for b.Loop() {
		time.Sleep(time.Second)
	}
	b.ReportMetric(float64(held)/streams, "B/stream")
	b.ReportMetric(float64(processorTime()-from)/1e6/float64(b.N), "ms-cpu/s")
	stop()
}

func memory() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc + stats.StackInuse
}

func processorTime() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
