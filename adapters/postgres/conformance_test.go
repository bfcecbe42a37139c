package postgres_test

import (
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
	storetest.Tries(t, 10) // the rest is the same as in TestStore
	storetest.RunKeeping(t, func(t *testing.T) storetest.Opener {
		url := server.NewDatabase(t)
		return func(t *testing.T, set *projections.Set) store.Store {
			return open(t, url, postgres.Projections(set), postgres.KeepStreams())
		}
	})
}

func TestVersions(t *testing.T) {
	server := pgtest.Shared(t)
	storetest.Versions(t, func(t *testing.T) func(*projections.Set) store.Versioned {
		url := server.NewDatabase(t)
		return func(set *projections.Set) store.Versioned {
			s, err := postgres.Open(ctx, url, postgres.Projections(set))
			require.NoError(t, err)
			return s
		}
	})
}
