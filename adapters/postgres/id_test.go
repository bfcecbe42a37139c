package postgres_test

import (
	"testing"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
)

// All who open a store get one id, and no other store has it: not a copy, and not one that
// was made anew in the same place.
func TestID(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	url := server.NewDatabase(t)
	id := func(url string) string {
		t.Helper()
		s := open(t, url)
		defer s.Close()
		id, err := s.ID(t.Context())
		if err != nil || id == "" {
			t.Fatal(id, err)
		}
		return id
	}
	first := id(url)
	if again := id(url); again != first {
		t.Errorf("%s is called %s the next time", first, again)
	}
	if id(server.NewDatabase(t)) == first {
		t.Error("the store of another database is called the same")
	}
	// As a dump that is restored: the tables are others, with the same rows.
	sql(t, url, `CREATE TABLE copy AS TABLE quire_project_store`, `DROP TABLE quire_project_store`, `ALTER TABLE copy RENAME TO quire_project_store`)
	if id(url) == first {
		t.Error("a store that was restored is called the same")
	}
}
