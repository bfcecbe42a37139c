package postgres_test

import (
	"context"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
	"github.com/quire-ci/quire-project/adapters/postgres"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// noStreams has no streams: all runs are carried over.
type noStreams struct{}

func (noStreams) All() iter.Seq2[store.Source, error] { return func(func(store.Source, error) bool) {} }

// olderStore makes a store with a run whose rows are of an older version, and returns what opens it
// with the newer one.
func olderStore(t *testing.T) (address string, newerStore func() *postgres.Store) {
	t.Helper()
	address = pgtest.Shared(t).NewDatabase(t)
	s := open(t, address, postgres.Projections(addedSet(t, mine[older](1, "key"))))
	put(t, s, "a")
	require.NoError(t, s.Update(ctx, func(tx store.Tx) error { return tx.Register() }))
	set := addedSet(t, mine[newer](2, "key"))
	return address, func() *postgres.Store { return open(t, address, postgres.Projections(set)) }
}

// A table may get another name. A table of another program stays.
func TestTableWithAnotherName(t *testing.T) {
	address, _ := olderStore(t)
	moved := projections.Define(projections.Declaration[newer]{
		Name: "mine", Version: 3, Key: []string{"key"}, Table: "theirs", New: func() projections.Projection[newer] { return none[newer]{} },
	})
	s := open(t, address, postgres.Projections(addedSet(t, moved)))
	sql(t, address, `CREATE TABLE theirs (somebody_elses int)`)
	_, err := store.Rebuild(ctx, s, noStreams{}, store.Options{})
	assert.ErrorIs(t, err, store.ErrForeign, "a table of somebody else's")
	sql(t, address, `SELECT somebody_elses FROM theirs`, `SELECT key FROM mine`, `DROP TABLE theirs`)
	_, err = store.Rebuild(ctx, s, noStreams{}, store.Options{})
	require.NoError(t, err)
	sql(t, address, `SELECT n FROM theirs`, `SELECT * FROM sh_timings`)
	assert.Equal(t, 0, value[int](t, address, `SELECT count(*) FROM pg_class WHERE relname LIKE 'mine%' OR relname LIKE 'quire_project_g1%'`), "the tables of before are still there")
	expect(t, s, "a")
}

// The new tables have the rights of those whose place they take; the view of the store reads the new
// ones, and a view of somebody's keeps the table that it reads.
func TestRightsAndViewsAfterSwitch(t *testing.T) {
	address, newerStore := olderStore(t)
	sql(t, address, `DROP ROLE IF EXISTS switch_reader`, `CREATE ROLE switch_reader`, `GRANT SELECT ON mine, jobs, checkpoints TO switch_reader`,
		`GRANT SELECT ON runs TO PUBLIC`, `CREATE VIEW somebodys AS SELECT job_id FROM jobs`)
	t.Cleanup(func() { sql(t, address, `DROP OWNED BY switch_reader`, `DROP ROLE switch_reader`) })
	_, err := store.Rebuild(ctx, newerStore(), noStreams{}, store.Options{})
	require.NoError(t, err)
	for _, table := range []string{"mine", "jobs", "checkpoints", "runs"} {
		assert.True(t, value[bool](t, address, `SELECT has_table_privilege('switch_reader', '`+table+`', 'SELECT')`), table)
	}
	assert.False(t, value[bool](t, address, `SELECT has_table_privilege('switch_reader', 'sh_events', 'SELECT')`))
	sql(t, address, `SELECT * FROM somebodys`)
	assert.Equal(t, "quire_project_g1_jobs", value[string](t, address, `SELECT string_agg(relname, ' ') FROM pg_class WHERE relkind = 'r' AND relname LIKE 'quire_project_g1%'`))
	sql(t, address, `DROP VIEW somebodys`)
	_, err = store.Rebuild(ctx, newerStore(), noStreams{}, store.Options{})
	require.NoError(t, err)
	assert.Equal(t, 0, value[int](t, address, `SELECT count(*) FROM pg_class WHERE relname LIKE 'quire_project_g1%'`), "what was kept is dropped by the next rebuild")
}

// A transaction that reads for a long time delays the switch, and neither fails. A statement that
// waits for the switch finds the new rows.
func TestReaderDuringSwitch(t *testing.T) {
	address, newerStore := olderStore(t)
	s := newerStore()
	_, err := store.Build(ctx, s, noStreams{}, store.Options{})
	require.NoError(t, err)
	reading, read := make(chan struct{}), make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		ended <- s.View(ctx, "a", func(snapshot store.Snapshot) error {
			if err := sameRows(snapshot, rowsOf("a")); err != nil {
				return err
			}
			close(reading)
			<-read
			return sameRows(snapshot, rowsOf("a"))
		})
	}()
	<-reading
	short, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	assert.ErrorIs(t, store.Switch(short, s, nil, false), context.DeadlineExceeded, "the switch does not wait for the reader")
	switched := make(chan error, 1)
	go func() { switched <- store.Switch(ctx, s, nil, false) }()
	close(read)
	require.NoError(t, <-ended)
	require.NoError(t, <-switched)
	expect(t, s, "a")

	// A statement that has to wait.
	holder := connect(t, address)
	tx, err := holder.Begin(ctx)
	require.NoError(t, err)
	_, err = tx.Exec(ctx, `LOCK TABLE checkpoints IN ACCESS EXCLUSIVE MODE; ALTER TABLE checkpoints RENAME TO renamed; CREATE TABLE checkpoints (LIKE renamed); DROP TABLE renamed CASCADE`)
	require.NoError(t, err)
	waiting := make(chan error, 1)
	go func() {
		waiting <- s.View(ctx, "a", func(snapshot store.Snapshot) error {
			_, there, err := snapshot.Checkpoint()
			assert.False(t, there, "the table of before was read")
			return err
		})
	}()
	require.Eventually(t, func() bool {
		var blocked int
		return tx.QueryRow(ctx, `SELECT count(*) FROM pg_locks WHERE NOT granted`).Scan(&blocked) == nil && blocked > 0
	}, time.Minute, 10*time.Millisecond)
	require.NoError(t, tx.Commit(ctx))
	require.NoError(t, <-waiting)
}
