package sqlite_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/sqlite"
)

// Every program gets the same id of a store, and no other store has it: neither a copy nor
// a new store in the same place.
func TestID(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quire.db")
	id := func(path string) string {
		t.Helper()
		s, err := sqlite.Open(t.Context(), path)
		require.NoError(t, err)
		defer s.Close()
		id, err := s.ID(t.Context())
		require.NoError(t, err)
		require.NotEqual(t, "", id)
		return id
	}
	first := id(path)
	assert.Equal(t, first, id(path))
	link := filepath.Join(t.TempDir(), "link.db")
	require.NoError(t, os.Symlink(path, link))
	assert.Equal(t, first, id(link))
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	copied := filepath.Join(t.TempDir(), "quire.db")
	require.NoError(t, os.WriteFile(copied, content, 0o600))
	assert.NotEqual(t, first, id(copied), "a copy is called the same")
	require.NoError(t, os.Remove(path))
	anew := id(path)
	assert.NotEqual(t, first, anew, "a store that was made anew is called the same")
	// A backup that takes the file's place.
	require.NoError(t, os.Rename(copied, path))
	if restored := id(path); restored == first || restored == anew {
		t.Error("a store that was restored is called the same")
	}
}
