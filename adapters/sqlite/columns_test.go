package sqlite_test

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

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

// The tables that a generation has whatever its projections are, and that are made with it, have the
// columns of those that migrations have made.
func TestTablesOfGenerations(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quire.db")
	next, err := open(t, path).Next(t.Context())
	require.NoError(t, err)
	for _, table := range []string{"checkpoints", "quire_project_projections"} {
		columns := func(table string) string {
			return query(t, path, `SELECT format('%s %s %d %s %d', c.name, c.type, c."notnull", c.dflt_value, c.pk) FROM pragma_table_xinfo(?1) AS c ORDER BY c.name`, table) +
				query(t, path, `SELECT format('%d %d', wr, strict) FROM pragma_table_list(?1)`, table)
		}
		require.Equal(t, columns(table), columns(fmt.Sprintf("quire_project_g%d_%s", next.Number(), table)), table)
	}
}

// A store of the first release keeps its rows, and reports them as outdated. The file is
// the .dump of a store with two runs; one is still active.
func TestFirstRelease(t *testing.T) {
	dump, err := os.ReadFile("testdata/first_release.sql")
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "quire.db")
	execute(t, path, string(dump))
	counts := `SELECT (SELECT count(*) FROM runs), (SELECT count(*) FROM jobs), (SELECT count(*) FROM sh_events), (SELECT count(*) FROM timings), (SELECT count(*) FROM diagnostics)`
	sums := func() (got [5]int) {
		db := other(t, path)
		defer db.Close()
		require.NoError(t, db.QueryRow(counts).Scan(&got[0], &got[1], &got[2], &got[3], &got[4]))
		return got
	}
	before := sums()
	for range 2 { // the second time there is nothing left to be done
		s := open(t, path)
		if after := sums(); after != before || after[0] != 2 || after[2] == 0 {
			t.Fatalf("%v rows became %v", before, after)
		}
		versions, err := s.Versions(t.Context())
		assert.NoError(t, err, "Versions")
		assert.Equal(t, map[string]int{"runs": 1, "jobs": 1, "sh_events": 1, "timings.jobs": 1, "diagnostics": 1, "labels": 0}, versions)
		assert.ErrorIs(t, store.CheckVersions(t.Context(), s), store.ErrOtherVersion)
		outdated, err := s.Outdated(t.Context(), "", 10)
		assert.NoError(t, err, "Outdated")
		assert.Len(t, outdated, 2, "Outdated")
		for run, final := range map[domain.RunID]bool{"cobra-failing": true, "open": false} {
			for _, of := range []*projections.Definition{projections.Jobs.Definition, projections.ShEvents.Definition, projections.JobTimings.Definition} {
				err := s.View(t.Context(), run, func(snapshot store.Snapshot) error {
					n := 0
					for row, err := range snapshot.Rows(of) {
						if err != nil {
							return err
						}
						if row.Index != n || row.Final != final {
							t.Errorf("%s of %s: row %d has the index %d and is final: %v", of.Table, run, n, row.Index, row.Final)
						}
						n++
					}
					assert.NotEqual(t, 0, n, "%s of %s: no rows", of.Table, run)
					return nil
				})
				require.NoError(t, err)
			}
		}
		assert.NotEqual(t, "0", query(t, path, `SELECT count(*) FROM sh_timings WHERE duration_ms IS NOT NULL`), "the view sh_timings has no durations")
		assert.Equal(t, "0", query(t, path, `SELECT count(*) FROM sqlite_schema WHERE name LIKE 'quire_project_first%'`), "tables of the first release are left")
	}
}

// indexes returns the names of the declared indexes that a store has.
func indexes(t *testing.T, path string) (names []string) {
	t.Helper()
	db := other(t, path)
	defer db.Close()
	rows, err := db.Query(`SELECT name FROM sqlite_schema WHERE type = 'index' AND name LIKE '%\_by\_%' ESCAPE '\' ORDER BY name`)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		names = append(names, name)
	}
	require.NoError(t, rows.Err())
	return names
}

const dropIndexes = `DROP INDEX quire_project_runs_by_state; DROP INDEX quire_project_labels_by_value`

// A store that was made before an index was declared gets it, from whichever program opens it.
func TestIndexesAreMade(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quire.db")
	open(t, path)
	want := indexes(t, path)
	execute(t, path, dropIndexes)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			s, err := sqlite.Open(t.Context(), path)
			if assert.NoError(t, err) {
				s.Close()
			}
		})
	}
	group.Wait()
	assert.Equal(t, want, indexes(t, path))
	assert.Contains(t, want, "quire_project_runs_by_state")
}

// While another program writes, a store is opened without.
func TestIndexesWait(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quire.db")
	open(t, path).Close()
	execute(t, path, dropIndexes)
	db := other(t, path)
	defer db.Close()
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.ExecContext(t.Context(), "BEGIN IMMEDIATE")
	require.NoError(t, err)
	open(t, path, sqlite.BusyTimeout(time.Millisecond))
	assert.NotContains(t, indexes(t, path), "quire_project_runs_by_state")
	_, err = conn.ExecContext(t.Context(), "COMMIT")
	require.NoError(t, err)
	open(t, path)
	assert.Contains(t, indexes(t, path), "quire_project_runs_by_state")
}

// Through a connection that cannot write, a store is used without.
func TestIndexesOfReader(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quire.db")
	open(t, path).Close()
	execute(t, path, dropIndexes)
	db := other(t, path)
	defer db.Close()
	db.SetMaxOpenConns(1)
	_, err := db.Exec("PRAGMA query_only = 1")
	require.NoError(t, err)
	s, err := sqlite.New(t.Context(), db)
	require.NoError(t, err)
	_, err = s.Runs(t.Context(), store.Page{State: "active"})
	assert.NoError(t, err)
}
