package postgres_test

import (
	"testing"

	"github.com/quire-ci/quire-project/adapters/storetest"
	"github.com/quire-ci/quire-project/projections/store"
)

// BenchmarkProjector compares segments of streams with their files.
func BenchmarkProjector(b *testing.B) {
	server := benchServer(b)
	storetest.Benchmark(b, func(b *testing.B) store.Store { return open(b, server.NewDatabase(b)) })
}
