package sqlite_test

import (
	"errors"
	"path/filepath"
	"strings"
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

type noRows[R comparable] struct{}

func (noRows[R]) Name() string { return "mine" }
func (noRows[R]) Reduce(_ *projections.Step, rows []projections.Row[R]) []projections.Row[R] {
	return rows
}
func (noRows[R]) Open(_ *projections.Tracker, rows []projections.Row[R]) []projections.Row[R] {
	return rows
}

func with(t *testing.T, added projections.AnyDefinition) sqlite.Option {
	t.Helper()
	set, err := projections.NewSet(added)
	require.NoError(t, err)
	return sqlite.Projections(set)
}

// A table that an older version made for other columns stays until Remake; one of the same
// version or of a newer one always stays. No other table changes.
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
	for version, options := range map[int][]sqlite.Option{
		1: {with(t, mine[newer](1)), sqlite.Remake()},
		2: {with(t, mine[newer](2))},
	} {
		var other *store.ColumnsError
		if _, err := sqlite.Open(t.Context(), path, options...); !errors.As(err, &other) || other.Stored != 1 || other.Projection.Version != version {
			t.Errorf("version %d: %v", version, err)
		} else if want := map[int]string{1: "raise the version", 2: "rebuild makes it anew"}[version]; !strings.Contains(err.Error(), want) {
			t.Errorf("version %d: %v, want %q", version, err, want)
		}
	}
	if rows, err := store.Read(t.Context(), s, before, "a"); err != nil || len(rows) != 1 {
		t.Errorf("%v, %v", rows, err)
	}
	after := mine[newer](2)
	remade := open(t, path, with(t, after), sqlite.Remake())
	if rows, err := store.Read(t.Context(), remade, after, "a"); err != nil || len(rows) != 0 {
		t.Errorf("the table that was made anew: %v, %v", rows, err)
	}
	if jobs, err := store.Read(t.Context(), remade, projections.Jobs, "a"); err != nil || len(jobs) != 1 {
		t.Errorf("another table: %v, %v", jobs, err)
	}
	// The older program must not use the table: its rows are gone, but the checkpoints
	// of their runs say that they are there.
	var newer *projections.NewerError
	if _, err := sqlite.Open(t.Context(), path, with(t, before), sqlite.Remake()); !errors.As(err, &newer) || newer.Stored != 2 {
		t.Errorf("an older program: %v", err)
	}
}

type narrow struct {
	Key string `json:"key"`
	N   int32  `json:"n"`
}

// A projection's table may get another name, and its integers another size. A table of
// another program stays.
func TestOtherTable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quire.db")
	open(t, path, with(t, mine[narrow](1))).Close()
	moved := projections.Define(projections.Declaration[newer]{
		Name: "mine", Version: 3, Key: []string{"key"}, Table: "theirs", New: func() projections.Projection[newer] { return noRows[newer]{} },
	})
	var other *store.ColumnsError
	_, err := sqlite.Open(t.Context(), path, with(t, mine[newer](2)))
	assert.ErrorAs(t, err, &other, "integers of another size")
	execute(t, path, "CREATE TABLE theirs (somebody_elses)")
	_, err = sqlite.Open(t.Context(), path, with(t, moved), sqlite.Remake())
	assert.ErrorIs(t, err, store.ErrForeign, "a table of somebody else's")
	execute(t, path, "SELECT somebody_elses FROM theirs; SELECT n FROM mine; DROP TABLE theirs")
	open(t, path, with(t, moved), sqlite.Remake()).Close()
	execute(t, path, "SELECT n FROM theirs; CREATE TABLE mine (n)")
}
