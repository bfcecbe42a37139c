package postgres_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
	"github.com/quire-ci/quire-project/adapters/postgres"
	"github.com/quire-ci/quire-project/projections/store"
)

const (
	selectIndexes = `SELECT regexp_replace(indexdef, 'INDEX \S+ ON', 'INDEX ON') FROM pg_indexes WHERE schemaname = 'public'`
	dropIndexes   = `DROP INDEX quire_project_runs_by_state, quire_project_labels_by_value`
)

// A store that was made before an index was declared gets it, once, from whichever program
// opens it. An index with a name of the server's is not made again.
func TestIndexesAreMade(t *testing.T) {
	address := pgtest.Shared(t).NewDatabase(t)
	open(t, address)
	want := column(t, address, selectIndexes)
	sql(t, address, dropIndexes, `ALTER INDEX quire_project_runs_by_newest RENAME TO runs_newest`, `ALTER INDEX quire_project_jobs_by_active RENAME TO jobs_run_id_idx`)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			s, err := postgres.Open(ctx, address)
			if assert.NoError(t, err) {
				s.Close()
			}
		})
	}
	group.Wait()
	assert.Equal(t, want, column(t, address, selectIndexes))
}

// A role that does not own the tables opens a store that lacks indexes.
func TestIndexesNeedTheOwner(t *testing.T) {
	address := pgtest.Shared(t).NewDatabase(t)
	put(t, open(t, address), "a")
	sql(t, address, dropIndexes, `CREATE ROLE indexes_reader LOGIN PASSWORD 'x'`, `GRANT SELECT ON ALL TABLES IN SCHEMA public TO indexes_reader`)
	t.Cleanup(func() { sql(t, address, `DROP OWNED BY indexes_reader`, `DROP ROLE indexes_reader`) })
	s := open(t, asRole(t, address, "indexes_reader", "x"))
	if runs, err := s.Runs(ctx, store.Page{State: "active"}); err != nil {
		t.Errorf("%v, %v", runs, err)
	}
	assert.NotContains(t, column(t, address, `SELECT indexname FROM pg_indexes`), "quire_project_runs_by_state")
}
