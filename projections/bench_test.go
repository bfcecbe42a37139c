package projections_test

import (
	"testing"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// BenchmarkFold folds a stream in memory: 1000 jobs, 8 at a time, with 20 sh
// each. One operation is one event; a new fold begins with each round of the
// stream, so that the mean includes what a job costs. Members are tried by
// themselves, too: "none" is what the tracker takes.
//
// The yardstick looks at each event's kind and does nothing else: what the
// loop and the memory take, and no engine can be faster than.
func BenchmarkFold(b *testing.B) {
	stream := ring(1000, 8, 20)
	rows := 0
	b.Run("yardstick", func(b *testing.B) { benchmarkKinds(b, stream) })
	b.Run("none", func(b *testing.B) {
		benchmarkFold(b, stream, func() []projections.Member { return nil })
	})
	b.Run("jobs and sh_events", func(b *testing.B) {
		benchmarkFold(b, stream, func() []projections.Member { return countingMembers(&rows)[1:3] })
	})
	b.Run("all eight", func(b *testing.B) {
		benchmarkFold(b, stream, func() []projections.Member { return countingMembers(&rows) })
	})
}

func benchmarkFold(b *testing.B, stream []domain.Entry, members func() []projections.Member) {
	b.ReportAllocs()
	for done := 0; done < b.N; done += len(stream) {
		fold := projections.NewFold("run", members()...)
		for i := range min(len(stream), b.N-done) {
			fold.Apply(&stream[i])
		}
		fold.Open()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N), "ns/event")
}

func benchmarkKinds(b *testing.B, stream []domain.Entry) {
	b.ReportAllocs()
	var kinds [8]int
	for done := 0; done < b.N; done += len(stream) {
		for i := range min(len(stream), b.N-done) {
			switch stream[i].Kind {
			case domain.JobStarted:
				kinds[0]++
			case domain.JobFinished:
				kinds[1]++
			case domain.ShStarted:
				kinds[2]++
			case domain.ShFinished:
				kinds[3]++
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N), "ns/event")
	if kinds[0] == 0 {
		b.Fatal("the stream has no job")
	}
}
