package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
)

// Every program gets the same id of a store, and no other store has it: neither a copy nor
// a new store in the same place.
func TestID(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	url := server.NewDatabase(t)
	id := func(url string) string {
		t.Helper()
		s := open(t, url)
		defer s.Close()
		id, err := s.ID(t.Context())
		require.NoError(t, err)
		require.NotEqual(t, "", id)
		return id
	}
	first := id(url)
	assert.Equal(t, first, id(url))
	assert.NotEqual(t, first, id(server.NewDatabase(t)), "the store of another database is called the same")
	// Like a restored dump: other tables with the same rows.
	sql(t, url, `CREATE TABLE copy AS TABLE quire_project_store`, `DROP TABLE quire_project_store`, `ALTER TABLE copy RENAME TO quire_project_store`)
	assert.NotEqual(t, first, id(url), "a store that was restored is called the same")
}
