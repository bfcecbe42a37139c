package postgres_test

import (
	"testing"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
	"github.com/quire-ci/quire-project/adapters/storetest"
	"github.com/quire-ci/quire-project/projections/store"
)

func TestStore(t *testing.T) {
	server := pgtest.Shared(t)
	storetest.Tries(t, storetest.Enough)
	storetest.RunParallel(t, func(t *testing.T) func(t *testing.T) store.Store {
		url := server.NewDatabase(t)
		return func(t *testing.T) store.Store { return open(t, url) }
	})
}
