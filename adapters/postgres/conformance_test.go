package postgres_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
	"github.com/quire-ci/quire-project/adapters/postgres"
	"github.com/quire-ci/quire-project/adapters/storetest"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

func TestStore(t *testing.T) {
	server := pgtest.Shared(t)
	storetest.RunParallel(t, func(t *testing.T) storetest.Opener {
		url := server.NewDatabase(t)
		return func(t *testing.T, set *projections.Set) store.Store { return open(t, url, postgres.Projections(set)) }
	})
}

func TestStoreThatKeepsStreams(t *testing.T) {
	if testing.Short() {
		t.Skip("TestStore is enough to look for races")
	}
	server := pgtest.Shared(t)
	storetest.Tries(t, 5) // the rest is the same as in TestStore
	storetest.RunKeeping(t, func(t *testing.T) storetest.Opener {
		url := server.NewDatabase(t)
		return func(t *testing.T, set *projections.Set) store.Store {
			return open(t, url, postgres.Projections(set), postgres.KeepStreams())
		}
	})
}

func TestVersions(t *testing.T) {
	storetest.Tries(t, 8) // the store in memory and SQLite have more
	address := pgtest.Shared(t).NewDatabase(t)
	schemas := 0
	storetest.Versions(t, func(t *testing.T) func(*projections.Set) store.Versioned {
		schemas++
		schema := fmt.Sprintf("schema%d", schemas) // which is made sooner than a database
		sql(t, address, "CREATE SCHEMA "+schema)
		url := as(t, address, "search_path", schema)
		return func(set *projections.Set) store.Versioned {
			s, err := postgres.Open(ctx, url, postgres.Projections(set))
			require.NoError(t, err)
			return s
		}
	})
}
