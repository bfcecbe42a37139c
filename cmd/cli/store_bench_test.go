package cli

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/quire-ci/quire-project/adapters/storetest/services"
	"github.com/quire-ci/quire-project/fixtures/synth"
)

// benchStores are what the benchmarks write into. Each call of new gives one that is
// empty.
var benchStores = []struct {
	name string
	new  func(*testing.B) string
}{
	{"sqlite", func(b *testing.B) string { return "sqlite:" + filepath.Join(b.TempDir(), "quire.db") }},
	{"postgres", func(b *testing.B) string { return services.PostgreSQL(b) }},
}

// short is a run of 170 events.
var short = synth.Shape{Seed: 1, Jobs: 20, Sh: 65}

// runs writes short runs to a folder and returns its path.
func runs(b *testing.B, n int) string {
	b.Helper()
	folder := b.TempDir()
	if err := short.WriteFolder(folder, n); err != nil {
		b.Fatal(err)
	}
	return folder
}

// BenchmarkRebuild ingests 1.7 million events as one run and as 10,000 runs, and the 10,000 runs a
// second time without changes.
func BenchmarkRebuild(b *testing.B) {
	one, many := stream(b, synth.Yardstick), runs(b, synth.Yardstick.Events()/short.Events())
	for _, store := range benchStores {
		b.Run(store.name, func(b *testing.B) {
			var single, first, second time.Duration
			for b.Loop() {
				single += program(b, one, "--to", store.new(b)).wall
				to := store.new(b)
				first += program(b, "rebuild", many, "--to", to).wall
				second += program(b, "rebuild", many, "--to", to).wall
			}
			n := float64(b.N)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(single.Seconds()/n, "one-run-s")
			b.ReportMetric(first.Seconds()/n, "rebuild-s")
			b.ReportMetric(second.Seconds()/n, "again-s")
			b.ReportMetric(first.Seconds()/single.Seconds(), "rebuild/one-run")
			b.ReportMetric(second.Seconds()/first.Seconds(), "again/rebuild")
		})
	}
}

// BenchmarkRebuildMemory rebuilds more and more runs, into new databases.
func BenchmarkRebuildMemory(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 50_000} {
		folder := runs(b, n)
		for _, store := range benchStores {
			b.Run(fmt.Sprintf("%s/runs=%d", store.name, n), func(b *testing.B) {
				var peak float64
				for b.Loop() {
					peak = max(peak, program(b, "rebuild", folder, "--to", store.new(b)).mib)
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(peak, "MiB")
			})
		}
		if err := os.RemoveAll(folder); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkKeep ingests 1.7 million events as one run and as 10,000 runs, into a store that keeps the
// streams beside one that does not, and reports how much room the streams take of their size.
func BenchmarkKeep(b *testing.B) {
	for _, source := range []struct{ name, path string }{
		{"one-run", stream(b, synth.Yardstick)},
		{"many-runs", runs(b, synth.Yardstick.Events()/short.Events())},
	} {
		for _, store := range benchStores {
			b.Run(source.name+"/"+store.name, func(b *testing.B) {
				var without, with time.Duration
				var part float64
				for b.Loop() {
					without += program(b, source.path, "--to", store.new(b)).wall
					to := store.new(b)
					with += program(b, source.path, "--to", to, "--keep-streams").wall
					part = keptPart(b, to)
				}
				n := float64(b.N)
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(without.Seconds()/n, "without-s")
				b.ReportMetric(with.Seconds()/n, "with-s")
				b.ReportMetric(with.Seconds()/without.Seconds(), "with/without")
				b.ReportMetric(part, "kept/stream")
			})
		}
	}
}

// keptPart returns the size of the kept streams, as a part of the size of the streams.
func keptPart(b *testing.B, address string) (part float64) {
	b.Helper()
	db, err := sql.Open("pgx", address)
	if file, ok := strings.CutPrefix(address, "sqlite:"); ok {
		db, err = sql.Open("sqlite", file)
	}
	if err == nil {
		defer db.Close()
		err = db.QueryRow(`SELECT 1.0 * sum(length(data)) / sum(bytes) FROM quire_project_pieces`).Scan(&part)
	}
	if err != nil {
		b.Fatal(err)
	}
	return part
}
