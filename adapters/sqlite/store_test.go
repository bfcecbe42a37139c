package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/sqlite"
	"github.com/quire-ci/quire-project/adapters/storetest"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// slow is set where everything takes ten times as long.
var slow bool

func TestStore(t *testing.T) {
	storetest.RunParallel(t, func(t *testing.T) storetest.Opener {
		path := filepath.Join(t.TempDir(), "quire.db")
		return func(t *testing.T, set *projections.Set) store.Store { return open(t, path, sqlite.Projections(set)) }
	})
}

func TestStoreThatKeepsStreams(t *testing.T) {
	if testing.Short() {
		t.Skip("TestStore is enough to look for races")
	}
	storetest.Tries(t, 5) // the rest is the same as in TestStore
	storetest.RunKeeping(t, func(t *testing.T) storetest.Opener {
		path := filepath.Join(t.TempDir(), "quire.db")
		return func(t *testing.T, set *projections.Set) store.Store {
			return open(t, path, sqlite.Projections(set), sqlite.KeepStreams())
		}
	})
}

// open opens a database for as long as a test runs.
func open(t testing.TB, path string, opts ...sqlite.Option) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, opts...)
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, s.Close())
	})
	return s
}

func TestVersions(t *testing.T) {
	storetest.Versions(t, func(t *testing.T) func(*projections.Set) store.Versioned {
		path := filepath.Join(t.TempDir(), "quire.db")
		return func(set *projections.Set) store.Versioned {
			s, err := sqlite.Open(t.Context(), path, sqlite.Projections(set))
			require.NoError(t, err)
			return s
		}
	})
}
