package sqlite_test

import (
	"errors"
	"iter"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/sqlite"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

type older struct {
	Key string `json:"key"`
}

type newer struct {
	Key string `json:"key"`
	N   int    `json:"n"`
}

func mine[R comparable](version int) *projections.Defined[R] {
	return projections.Define(projections.Declaration[R]{
		Name: "mine", Version: version, Key: []string{"key"}, New: func() projections.Projection[R] { return noRows[R]{} },
	})
}

// noSource has no streams.
type noSource struct{}

func (noSource) All() iter.Seq2[store.Source, error] { return func(func(store.Source, error) bool) {} }

type noRows[R comparable] struct{}

func (noRows[R]) Name() string { return "mine" }
func (noRows[R]) Reduce(_ *projections.Step, rows []projections.Row[R]) []projections.Row[R] {
	return rows
}
func (noRows[R]) Open(_ *projections.Tracker, rows []projections.Row[R]) []projections.Row[R] {
	return rows
}

func with(t testing.TB, added projections.AnyDefinition) sqlite.Option {
	t.Helper()
	set, err := projections.NewSet(added)
	require.NoError(t, err)
	return sqlite.Projections(set)
}

// A table that an older version made for other columns cannot be read until a rebuild has switched
// to new rows; one of the same version or of a newer one is an error. No other table changes.
func TestOtherColumns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quire.db")
	writeRun(t, path, "a")
	before := mine[older](1)
	s := open(t, path, with(t, before))
	err := s.Update(t.Context(), func(tx store.Tx) error {
		_, err := tx.Lock([]domain.RunID{"a"})
		row := projections.Row[older]{Value: older{"k"}}
		return errors.Join(err, tx.Register(), tx.Insert(&store.Rows{RunID: "a", Tables: []store.TableRows{store.RowsOf(before, row)}}))
	})
	require.NoError(t, err)
	var other *store.ColumnsError
	if _, err := sqlite.Open(t.Context(), path, with(t, mine[newer](1))); !errors.As(err, &other) || other.Stored != 1 {
		t.Errorf("the same version: %v", err)
	}
	assert.ErrorContains(t, other, "raise the version")
	after := mine[newer](2)
	s2 := open(t, path, with(t, after))
	_, err = store.Read(t.Context(), s2, after, "a")
	assert.ErrorAs(t, err, &other, "a newer version")
	assert.ErrorContains(t, err, "rebuild")
	if rows, err := store.Read(t.Context(), s, before, "a"); err != nil || len(rows) != 1 {
		t.Errorf("%v, %v", rows, err)
	}
	_, err = store.Rebuild(t.Context(), s2, noSource{}, store.Options{})
	require.NoError(t, err)
	for name, s := range map[string]*sqlite.Store{"opened before": s2, "opened now": open(t, path, with(t, after))} {
		if rows, err := store.Read(t.Context(), s, after, "a"); err != nil || len(rows) != 1 || rows[0] != (newer{"k", 0}) {
			t.Errorf("%s: the row that was carried over: %v, %v", name, rows, err)
		}
		if jobs, err := store.Read(t.Context(), s, projections.Jobs, "a"); err != nil || len(jobs) != 1 {
			t.Errorf("%s: another table: %v, %v", name, jobs, err)
		}
	}
	var newer *projections.NewerError
	if _, err := sqlite.Open(t.Context(), path, with(t, before)); !errors.As(err, &newer) || newer.Stored != 2 {
		t.Errorf("an older program: %v", err)
	}
}

type narrow struct {
	Key string `json:"key"`
	N   int32  `json:"n"`
}

// A projection's table may get another name, and its integers another size. Before there are rows,
// the table is made anew. A table of another program stays.
func TestOtherTable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quire.db")
	open(t, path, with(t, mine[narrow](1))).Close()
	moved := projections.Define(projections.Declaration[newer]{
		Name: "mine", Version: 3, Key: []string{"key"}, Table: "theirs", New: func() projections.Projection[newer] { return noRows[newer]{} },
	})
	open(t, path, with(t, mine[newer](1))).Close()
	execute(t, path, "UPDATE quire_project_projections SET version = 1 WHERE name = 'mine'; CREATE TABLE theirs (somebody_elses)")
	s := open(t, path, with(t, moved))
	_, err := store.Rebuild(t.Context(), s, noSource{}, store.Options{})
	assert.ErrorIs(t, err, store.ErrForeign, "a table of somebody else's")
	execute(t, path, "SELECT somebody_elses FROM theirs; SELECT n FROM mine; DROP TABLE theirs")
	_, err = store.Rebuild(t.Context(), s, noSource{}, store.Options{})
	require.NoError(t, err)
	execute(t, path, "SELECT n FROM theirs; CREATE TABLE mine (n)")
}
