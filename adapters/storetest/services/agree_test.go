package services_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/postgres"
	"github.com/quire-ci/quire-project/adapters/sqlite"
	"github.com/quire-ci/quire-project/adapters/storetest"
	"github.com/quire-ci/quire-project/adapters/storetest/services"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// The stores are compared with each other where PostgreSQL is installed. Each
// of them is compared with the one in memory by its own tests.
func TestStoresAgree(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, on one goroutine")
	}
	address := services.PostgreSQL(t)
	path := filepath.Join(t.TempDir(), "quire.db")
	storetest.Agree(t,
		func(_ *testing.T, set *projections.Set) store.Store { return memory.Of(set) },
		func(t *testing.T, set *projections.Set) store.Store { return openSQLite(t, path, set) },
		func(t *testing.T, set *projections.Set) store.Store { return openPostgreSQL(t, address, set) })
}

func openSQLite(t *testing.T, path string, set *projections.Set) store.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, sqlite.Projections(set))
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func openPostgreSQL(t *testing.T, address string, set *projections.Set) store.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), address, postgres.Projections(set))
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}
