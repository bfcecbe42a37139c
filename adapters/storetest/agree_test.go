package storetest_test

import (
	"path/filepath"
	"testing"

	"github.com/quire-ci/quire-project/adapters/postgres"
	"github.com/quire-ci/quire-project/adapters/sqlite"
	"github.com/quire-ci/quire-project/adapters/storetest"
	"github.com/quire-ci/quire-project/adapters/storetest/services"
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
	storetest.Agree(t, memory.New(), openSQLite(t), openPostgreSQL(t, address))
}

func openSQLite(t *testing.T) store.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "quire.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func openPostgreSQL(t *testing.T, address string) store.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}
