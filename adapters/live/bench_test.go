package live

import (
	"fmt"
	"testing"
	"time"

	"github.com/quire-ci/quire-project/domain"
)

// BenchmarkTake folds a million entries in batches, as a reader gives them.
func BenchmarkTake(b *testing.B) {
	const million = 1_000_000
	entries := make([]domain.Entry, 0, million+5)
	for i := int64(0); len(entries) < million; i++ {
		id := fmt.Sprintf("job-%d", i)
		entries = append(entries, domain.Entry{Event: domain.NewJobStarted(i, id)})
		for range 4 {
			entries = append(entries, domain.Entry{Event: domain.NewShStarted(i, id, "go test ./...")}, domain.Entry{Event: domain.NewShFinished(i, id, int32(i%50/49))})
		}
		entries = append(entries, domain.Entry{Event: domain.NewJobFinished(i, id, domain.Complete)})
	}
	b.ReportAllocs()
	for b.Loop() {
		board := newFedBoard()
		for rest := entries; len(rest) > 0; rest = rest[min(1024, len(rest)):] {
			board.Take("r", rest[:min(1024, len(rest))])
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(entries)), "ns/event")
}

// BenchmarkFrame draws active runs, of 20 jobs each or one of 100,000.
func BenchmarkFrame(b *testing.B) {
	for _, size := range []struct{ runs, jobs int }{{1, 20}, {200, 20}, {1, 100_000}} {
		b.Run(fmt.Sprintf("%d runs of %d jobs", size.runs, size.jobs), func(b *testing.B) {
			board := newFedBoard()
			for r := range size.runs {
				for j := range size.jobs {
					id := fmt.Sprintf("job-%d", j)
					take(board, domain.RunID(fmt.Sprint("run-", r)), domain.NewJobStarted(0, id), domain.NewShStarted(0, id, "go test ./..."), domain.NewShFinished(1, id, 0))
					if j > 3 {
						take(board, domain.RunID(fmt.Sprint("run-", r)), domain.NewJobFinished(1, id, domain.Complete))
					}
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				board.Frame(120, 50, time.UnixMilli(5000), true)
			}
		})
	}
}
