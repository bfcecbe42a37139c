package postgres_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
	"github.com/quire-ci/quire-project/adapters/postgres"
	"github.com/quire-ci/quire-project/adapters/storetest"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// mine is a projection without rows.
func mine[R comparable](version int, key ...string) *projections.Defined[R] {
	return projections.Define(projections.Declaration[R]{Name: "mine", Version: version, Key: key, New: func() projections.Projection[R] { return none[R]{} }})
}

type none[R comparable] struct{}

func (none[R]) Reduce(_ *projections.Step, rows []projections.Row[R]) []projections.Row[R] {
	return rows
}
func (none[R]) Open(_ *projections.Tracker, rows []projections.Row[R]) []projections.Row[R] {
	return rows
}

type older struct {
	Key string `json:"key"`
}

type newer struct {
	Key string `json:"key"`
	N   int    `json:"n"`
}

// A table that an older version made for other columns cannot be read; no other table changes.
func TestOtherColumns(t *testing.T) {
	address := pgtest.Shared(t).NewDatabase(t)
	before, after := mine[older](1, "key"), mine[newer](2, "key")
	s := open(t, address, postgres.Projections(addedSet(t, before)))
	put(t, s, "a")
	row := projections.Row[older]{Value: older{"k"}}
	err := s.Update(ctx, func(tx store.Tx) error {
		return errors.Join(tx.Insert(&store.Rows{RunID: "a", Tables: []store.TableRows{store.RowsOf(before, row)}}), tx.Register())
	})
	require.NoError(t, err)
	if versions, err := s.Versions(ctx); err != nil || versions["mine"] != 1 || versions["jobs"] != projections.Jobs.Version {
		t.Errorf("%v, %v", versions, err)
	}

	added := postgres.Projections(addedSet(t, after))
	var other *store.ColumnsError
	_, err = store.Read(ctx, open(t, address, added), after, "a")
	if !errors.As(err, &other) || other.Projection != after.Definition || other.Stored != 1 {
		t.Errorf("it is read with other columns: %v", err)
	}
	assert.ErrorAs(t, openError(t, address, postgres.Projections(addedSet(t, mine[newer](1, "key")))), &other, "the same version")
	checkValues(t, s, before, "a", []older{{"k"}})
	expect(t, open(t, address), "a")
	sql(t, address, `SELECT * FROM sh_timings`)
}

type narrow struct {
	Key string `json:"key"`
	N   int32  `json:"n"`
}

// An integer with another size is another column. Before there are rows, the table is made anew.
func TestOtherTable(t *testing.T) {
	address := pgtest.Shared(t).NewDatabase(t)
	open(t, address, postgres.Projections(addedSet(t, mine[narrow](1, "key")))).Close()
	wide := mine[newer](2, "key")
	s := open(t, address, postgres.Projections(addedSet(t, wide)))
	put(t, s, "a")
	row := projections.Row[newer]{Value: newer{"k", 1 << 40}}
	err := s.Update(ctx, func(tx store.Tx) error {
		return tx.Insert(&store.Rows{RunID: "a", Tables: []store.TableRows{store.RowsOf(wide, row)}})
	})
	require.NoError(t, err)
	checkValues(t, s, wide, "a", []newer{{"k", 1 << 40}})
}

// A table of another program does not become the table of a projection, even in an
// existing store.
func TestForeignTableOfProjection(t *testing.T) {
	address := pgtest.Shared(t).NewDatabase(t)
	open(t, address).Close()
	sql(t, address, `CREATE TABLE mine (somebody_elses int)`)
	err := openError(t, address, postgres.Projections(addedSet(t, mine[older](1, "key"))))
	if !errors.Is(err, store.ErrForeign) || !strings.Contains(err.Error(), "mine") {
		t.Error(err)
	}
	sql(t, address, `SELECT somebody_elses FROM mine`)
}

// Nor does a table in another schema of the search_path, and it is not dropped.
func TestTableOfAnotherSchema(t *testing.T) {
	address := pgtest.Shared(t).NewDatabase(t)
	sql(t, address, `CREATE SCHEMA a`, `CREATE TABLE mine (somebody_elses int)`, `CREATE VIEW sh_timings AS SELECT * FROM mine`)
	address = as(t, address, "search_path", "a, public")
	open(t, address, postgres.Projections(addedSet(t, mine[older](1, "key")))).Close()
	sql(t, address, `DROP TABLE a.mine`, `DROP VIEW a.sh_timings`)
	open(t, address, postgres.Projections(addedSet(t, mine[newer](1, "key")))).Close()
	sql(t, address, `SELECT n FROM a.mine`, `SELECT somebody_elses FROM public.mine`, `SELECT somebody_elses FROM public.sh_timings`)
}

// Programs with different projections can make one store at the same time.
func TestManySetsMakeOneStore(t *testing.T) {
	address := pgtest.Shared(t).NewDatabase(t)
	sets := []*projections.Set{projections.Builtin, storetest.Set, addedSet(t, mine[older](1, "key"))}
	var group sync.WaitGroup
	for _, set := range append(sets, sets...) {
		group.Go(func() {
			s, err := postgres.Open(ctx, address, postgres.Projections(set))
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			err = s.Update(ctx, func(tx store.Tx) error { return tx.Register() })
			versions, also := s.Versions(ctx)
			missing := projections.Missing(set.Stored(), versions)
			if err := errors.Join(err, also); err != nil || len(missing) > 0 {
				t.Errorf("%v are missing, %v", missing, err)
			}
		})
	}
	group.Wait()
}
