package tail_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/quire-ci/quire-project/adapters/tail"
)

// BenchmarkLatency measures how long after it was written a line is there, with
// a hundred files that grow by ten lines a second each.
func BenchmarkLatency(b *testing.B) {
	b.Run("told", func(b *testing.B) { latency(b, tail.Options{}) })
	b.Run("polled", func(b *testing.B) { latency(b, tail.Options{PollOnly: true}) })
}

func latency(b *testing.B, options tail.Options) {
	const files, rate = 100, 10
	root := b.TempDir()
	var mu sync.Mutex
	var took []time.Duration
	began := time.Now()
	enough := make(chan struct{})
	stop := background(b, root, options, func(ctx context.Context, s *tail.Stream) error {
		for {
			chunk, err := s.Next(ctx, 0)
			if err != nil {
				return err
			}
			now := time.Since(began)
			mu.Lock()
			for line := range bytes.Lines(chunk.Data) {
				var at int64
				if _, err := fmt.Sscanf(string(line[:20]), "%d", &at); err != nil {
					return err
				}
				if took = append(took, now-time.Duration(at)); len(took) == b.N {
					close(enough)
				}
			}
			mu.Unlock()
		}
	})
	var outs [files]*os.File
	for i := range outs {
		folder := filepath.Join(root, fmt.Sprint("run-", i))
		_ = os.Mkdir(folder, 0o777)
		out, err := os.Create(filepath.Join(folder, "events.jsonl"))
		if err != nil {
			b.Fatal(err)
		}
		defer out.Close()
		outs[i] = out
	}
	time.Sleep(100 * time.Millisecond) // until they have been found
	ticker := time.NewTicker(time.Second / (files * rate))
	defer ticker.Stop()
	b.ResetTimer()
	for i := range b.N {
		<-ticker.C
		line := fmt.Sprintf("%-20d %s\n", time.Since(began), strings.Repeat("x", 80))
		if _, err := outs[i%files].WriteString(line); err != nil {
			b.Fatal(err)
		}
	}
	<-enough
	b.StopTimer()
	stop()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2])/1e6, "ms-median")
	b.ReportMetric(float64(took[len(took)*99/100])/1e6, "ms-p99")
	b.ReportMetric(float64(took[len(took)-1])/1e6, "ms-max")
}

// BenchmarkCatchingUp measures how fast a long stream that is there already is
// read, beside what reading a file takes without anything else.
func BenchmarkCatchingUp(b *testing.B) {
	const size = 100 << 20
	path := filepath.Join(b.TempDir(), "run.jsonl")
	line := binary.BigEndian.AppendUint64(bytes.Repeat([]byte("x"), 91), 1)
	line = append(bytes.ReplaceAll(line, []byte{'\n'}, []byte{' '}), '\n')
	write(b, path, string(bytes.Repeat(line, size/len(line))))
	for _, limit := range []int{64 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("follow-%dKiB", limit>>10), func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				follow(b, path, tail.Options{}, func(ctx context.Context, s *tail.Stream) error {
					for {
						if _, err := s.Rest(limit); err == io.EOF {
							return nil
						} else if err != nil {
							return err
						}
					}
				})
			}
		})
	}
	b.Run("os.ReadFile", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			if _, err := os.ReadFile(path); err != nil {
				b.Fatal(err)
			}
		}
	})
}
