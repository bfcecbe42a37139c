package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/quire-ci/quire-project/adapters/storetest"
	"github.com/quire-ci/quire-project/projections/store"
)

// BenchmarkProjector compares segments of streams with their files.
func BenchmarkProjector(b *testing.B) {
	storetest.Benchmark(b, func(b *testing.B) store.Store { return open(b, filepath.Join(b.TempDir(), "bench.db")) })
}

// BenchmarkListing reads pages of 100,000 runs.
func BenchmarkListing(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "bench.db"))
	storetest.Listable(b, s)
	storetest.BenchmarkListing(b, s)
}
