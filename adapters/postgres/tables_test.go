package postgres_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
	"github.com/quire-ci/quire-project/adapters/postgres"
	"github.com/quire-ci/quire-project/adapters/storetest"
	"github.com/quire-ci/quire-project/domain"
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

// firstRelease makes a store from a pg_dump of one that the first release made, with two
// runs. One of them is active, and has a job with a long id.
func firstRelease(t *testing.T, address string) {
	t.Helper()
	dump, err := os.ReadFile("testdata/first_release.sql")
	require.NoError(t, err)
	sql(t, address, string(dump))
}

// A store of the first release keeps its rows, and its tables keep the rights and views
// that people have added. The rows count as older versions, which are derived again.
func TestFirstRelease(t *testing.T) {
	address := pgtest.Shared(t).NewDatabase(t)
	firstRelease(t, address)
	sql(t, address,
		`DROP ROLE IF EXISTS first_reader`, `CREATE ROLE first_reader`, `GRANT SELECT ON jobs TO first_reader`, `CREATE VIEW somebodys AS SELECT job_id FROM jobs WHERE state = 'failed'`,
		// Rows that fit the keys of the first release, but not the current ones.
		`INSERT INTO jobs SELECT run_id, 'by hand', state, exit_code, started_at_ms, finished_at_ms, position FROM jobs WHERE job_id = 'build'`,
		`DELETE FROM jobs WHERE job_id = 'test'`)
	t.Cleanup(func() { sql(t, address, `DROP OWNED BY first_reader`, `DROP ROLE first_reader`) })
	long := value[string](t, address, `SELECT job_id FROM long_job_ids`)

	for range 2 { // the second time there is nothing left to be done
		s := open(t, address)
		versions, err := s.Versions(ctx)
		assert.NoError(t, err, "Versions")
		assert.Equal(t, map[string]int{"runs": 1, "jobs": 1, "sh_events": 1, "timings.jobs": 1, "diagnostics": 1, "labels": 0}, versions)
		assert.ErrorIs(t, store.CheckVersions(ctx, s), store.ErrOtherVersion)
		outdated, err := s.Outdated(ctx, "", 10)
		if err != nil || !slices.Equal(outdated, []domain.RunID{"open"}) { // the other one is changed by hand
			t.Errorf("Outdated = %q, %v", outdated, err)
		}
		checkValues(t, s, projections.Jobs, "open", []projections.Job{
			{JobID: "short", State: projections.Active, StartedAtMs: projections.Some[int64](2)},
			{JobID: long, State: projections.Active, StartedAtMs: projections.Some[int64](3), ExitCode: projections.Some[int32](0)},
		})
		checkValues(t, s, projections.ShEvents, "open", []projections.ShEvent{
			{JobID: long, Seq: 1, Cmd: "a\x00b", StartedAtMs: 4, FinishedAtMs: projections.Some[int64](6), ExitCode: projections.Some[int32](0)},
			{JobID: long, Seq: 2, Cmd: "sleep 9", StartedAtMs: 7}, {JobID: "short", Seq: 1, Cmd: "true", StartedAtMs: 5},
		})
		assert.Equal(t, "cobra-failing 1 true, open 1 false, open 2 false", value[string](t, address, `SELECT string_agg(run_id || ' ' || position || ' ' || final, ', ' ORDER BY run_id, position) FROM timings`), "timings")
		assert.Equal(t, "2 true short, 3 true "+long[:5], value[string](t, address, `SELECT string_agg(position || ' ' || final || ' ' || left(job_id, 5), ', ' ORDER BY position) FROM diagnostics`), "diagnostics")
		if runs, err := s.Runs(ctx, store.Page{}); err != nil || len(runs) != 2 || runs[0].Jobs != 2 || runs[1].RunID != "open" {
			t.Errorf("runs: %v, %v", runs, err)
		}
		assert.Equal(t, 0, value[int](t, address, `SELECT count(*) FROM pg_class WHERE relname LIKE 'quire_project_first%' OR relname LIKE 'long_job_ids%'`))
		assert.True(t, value[bool](t, address, `SELECT has_table_privilege('first_reader', 'jobs', 'SELECT') AND to_regclass('somebodys') IS NOT NULL`), "somebody's rights or view are gone")
	}
}

func checkValues[R comparable](t *testing.T, s store.Store, of *projections.Defined[R], run domain.RunID, want []R) {
	t.Helper()
	if got, err := store.Read(ctx, s, of, run); err != nil || !slices.Equal(got, want) {
		t.Errorf("%s of %s: %v, %v, want %v", of.Name, run, got, err, want)
	}
}

// An upgraded store has the same tables as a new one, even if several programs open it at
// the same time.
func TestFirstReleaseAndNew(t *testing.T) {
	server := pgtest.Shared(t)
	first, new := server.NewDatabase(t), server.NewDatabase(t)
	firstRelease(t, first)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			s, err := postgres.Open(ctx, first)
			if err != nil {
				t.Error(err)
				return
			}
			s.Close()
		})
	}
	group.Wait()
	open(t, new).Close()
	for _, query := range []string{
		`SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable FROM information_schema.columns WHERE table_schema = 'public'`,
		`SELECT regexp_replace(indexdef, 'INDEX \S+ ON', 'INDEX ON') FROM pg_indexes WHERE schemaname = 'public'`,
		`SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal`,
		`SELECT definition FROM pg_views WHERE schemaname = 'public'`,
		`SELECT name || ': ' || columns FROM quire_project_projections`,
	} {
		was, is := column(t, first, query), column(t, new, query)
		if !slices.Equal(was, is) || len(is) == 0 {
			t.Errorf("of the first release:\n%s\nof a new store:\n%s", strings.Join(was, "\n"), strings.Join(is, "\n"))
		}
	}
}

// column returns the sorted values of a query.
func column(t *testing.T, address, query string) []string {
	t.Helper()
	rows, err := connect(t, address).Query(ctx, query)
	require.NoError(t, err)
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	slices.Sort(all)
	return all
}

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
