package postgres_test

import (
	"testing"

	"github.com/quire-ci/quire-project/fixtures/synth"
	"github.com/quire-ci/quire-project/projections/store"
)

func BenchmarkView(b *testing.B) {
	rows, _ := batches(b, synth.Yardstick)
	server := benchServer(b)
	url := server.NewDatabase(b)
	writeRun(b, url, rows)
	s := open(b, url)
	b.ResetTimer()
	n := 0
	for range b.N {
		err := s.View(ctx, benchRun, func(snap store.Snapshot) error {
			for _, err := range snap.ShEvents() {
				if err != nil {
					return err
				}
				n++
			}
			for _, err := range snap.Jobs() {
				if err != nil {
					return err
				}
				n++
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "rows/s")
}
