package postgres_test

import (
	"testing"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
	"github.com/quire-ci/quire-project/adapters/storetest"
	"github.com/quire-ci/quire-project/projections/store"
)

// BenchmarkProjector compares segments of streams with their files.
func BenchmarkProjector(b *testing.B) {
	server := benchServer(b)
	storetest.Benchmark(b, func(b *testing.B) store.Store { return open(b, server.NewDatabase(b)) })
}

// BenchmarkListing reads pages of 100,000 runs. The tables have been analyzed, as the server does by
// itself after a minute.
func BenchmarkListing(b *testing.B) {
	address := pgtest.Shared(b).NewDatabase(b)
	s := open(b, address)
	storetest.Listable(b, s)
	sql(b, address, "VACUUM ANALYZE")
	storetest.BenchmarkListing(b, s)
}
