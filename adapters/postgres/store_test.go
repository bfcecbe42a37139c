package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/kept"
	"github.com/quire-ci/quire-project/adapters/postgres"
	"github.com/quire-ci/quire-project/adapters/storetest"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// open opens the store in a database for a test.
func open(t testing.TB, address string, opts ...postgres.Option) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(context.Background(), address, opts...)
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

// rowsOf returns the rows of a run with one row of each kind for a final job, and others
// for an open job.
func rowsOf(run domain.RunID) *store.Rows {
	return &store.Rows{RunID: run, Tables: []store.TableRows{
		store.RowsOf(projections.RunTable, projections.Row[store.Run]{Value: store.Run{
			Run:       projections.Run{RunID: run, State: projections.Failed, Jobs: 2},
			RunTiming: projections.RunTiming{StartedAtMs: projections.Some[int64](1000)},
		}}),
		store.RowsOf(projections.LabelRows, projections.Row[projections.Label]{Final: true, Value: projections.Label{Key: "branch", Value: "main"}}),
		store.RowsOf(projections.Jobs,
			projections.Row[projections.Job]{Index: 0, Final: true, Value: projections.Job{JobID: "final", State: projections.Failed, FinishedAtMs: projections.Some[int64](1002)}},
			projections.Row[projections.Job]{Index: 1, Value: projections.Job{JobID: "open", State: projections.Active}},
		),
		store.RowsOf(projections.ShEvents,
			projections.Row[projections.ShEvent]{Index: 0, Final: true, Value: projections.ShEvent{JobID: "final", Seq: 1, Cmd: "true", StartedAtMs: 1001, FinishedAtMs: projections.Some[int64](1002), ExitCode: projections.Some[int32](1)}},
			projections.Row[projections.ShEvent]{Index: 1, Value: projections.ShEvent{JobID: "open", Seq: 1, Cmd: "sleep 9", StartedAtMs: 1003}},
		),
		store.RowsOf(projections.JobTimings,
			projections.Row[projections.JobTiming]{Index: 0, Final: true, Value: projections.JobTiming{JobID: "final", ShCount: 1}},
			projections.Row[projections.JobTiming]{Index: 1, Value: projections.JobTiming{JobID: "open", ShCount: 1}},
		),
		store.RowsOf(projections.Diagnostics, projections.Row[projections.Diagnostic]{Final: true, Value: projections.Diagnostic{Code: projections.OrphanJobFinish, Line: 1, JobID: projections.Some("final")}}),
	}}
}

var checkpoint = store.Checkpoint{Events: 1, Projections: projections.ID(projections.Builtin.Stored())}

// replace replaces runs with rowsOf them.
func replace(tx store.Tx, runs ...domain.RunID) error {
	if _, err := tx.Lock(runs); err != nil {
		return err
	}
	if err := tx.Clear(runs, projections.Builtin.Stored()); err != nil {
		return err
	}
	for _, run := range runs {
		if err := errors.Join(tx.Insert(rowsOf(run)), tx.SetCheckpoint(run, checkpoint)); err != nil {
			return err
		}
	}
	return nil
}

// again replaces the rows of put that are not final.
func again(tx store.Tx, runs ...domain.RunID) (err error) {
	for _, run := range runs {
		rows := &store.Rows{RunID: run, Continued: true}
		for _, stored := range rowsOf(run).Tables {
			open := store.TableRows{Of: stored.Of, Rows: stored.Of.NewRows(), Stored: stored.Len()}
			for i := range stored.Len() {
				if row := stored.At(i); !row.Final {
					open.Add(row)
				}
			}
			rows.Tables = append(rows.Tables, open)
		}
		err = errors.Join(err, tx.Insert(rows))
	}
	return err
}

func put(t testing.TB, s store.Store, runs ...domain.RunID) {
	t.Helper()
	require.NoError(t, s.Update(ctx, func(tx store.Tx) error { return replace(tx, runs...) }))
}

// expect checks that runs have the rows of put.
func expect(t testing.TB, s store.Store, runs ...domain.RunID) {
	t.Helper()
	for _, run := range runs {
		err := s.View(ctx, run, func(snapshot store.Snapshot) error {
			c, ok, err := snapshot.Checkpoint()
			if err == nil && (!ok || c != checkpoint) {
				t.Errorf("run %q: the checkpoint %v %v", run, ok, c)
			}
			return errors.Join(err, sameRows(snapshot, rowsOf(run)))
		})
		assert.NoError(t, err, "run %q", run)
	}
}

// sameRows checks the rows of tables.
func sameRows(snapshot store.Snapshot, want *store.Rows) (all error) {
	for _, table := range want.Tables {
		n := 0
		for row, err := range snapshot.Rows(table.Of) {
			if err != nil {
				return err
			}
			if n >= table.Len() || !sameRow(table.Of, row, table.At(n)) {
				all = errors.Join(all, fmt.Errorf("%s: row %d of %d is not what it was", table.Of.Table, n, table.Len()))
			}
			n++
		}
		if n < table.Len() {
			all = errors.Join(all, fmt.Errorf("%s: %d rows, want %d", table.Of.Table, n, table.Len()))
		}
	}
	return all
}

func sameRow(of *projections.Definition, a, b projections.AnyRow) bool {
	return a.Index == b.Index && a.Final == b.Final && of.Any(a.Value) == of.Any(b.Value)
}

// checkUpdate checks the error of an update.
func checkUpdate(t testing.TB, s store.Store, want error) {
	t.Helper()
	assert.ErrorIs(t, s.Update(ctx, func(tx store.Tx) error { return replace(tx, "new") }), want, "writing")
}

func TestStore(t *testing.T) {
	server := pgtest.Shared(t)
	storetest.RunParallel(t, func(t *testing.T) storetest.Opener {
		url := server.NewDatabase(t)
		return func(t *testing.T, set *projections.Set) store.Store { return open(t, url, postgres.Projections(set)) }
	})
}

func TestStoreThatKeepsStreams(t *testing.T) {
	if testing.Short() {
		t.Skip("TestStore is enough to look for races")
	}
	server := pgtest.Shared(t)
	storetest.Tries(t, 5) // the rest is the same as in TestStore
	storetest.RunKeeping(t, func(t *testing.T) storetest.Opener {
		url := server.NewDatabase(t)
		return func(t *testing.T, set *projections.Set) store.Store {
			return open(t, url, postgres.Projections(set), postgres.KeepStreams())
		}
	})
}

func TestVersions(t *testing.T) {
	storetest.Tries(t, 8) // the store in memory and SQLite have more
	address := pgtest.Shared(t).NewDatabase(t)
	schemas := 0
	storetest.Versions(t, func(t *testing.T) func(*projections.Set) store.Versioned {
		schemas++
		schema := fmt.Sprintf("schema%d", schemas) // which is made sooner than a database
		sql(t, address, "CREATE SCHEMA "+schema)
		url := as(t, address, "search_path", schema)
		return func(set *projections.Set) store.Versioned {
			s, err := postgres.Open(ctx, url, postgres.Projections(set))
			require.NoError(t, err)
			return s
		}
	})
}

func TestShTimingsView(t *testing.T) {
	address := pgtest.Shared(t).NewDatabase(t)
	s, conn := open(t, address), connect(t, address)
	storetest.ShTimings(t, s, func(run domain.RunID) ([]projections.ShTiming, error) {
		found, _ := conn.Query(ctx, `SELECT job_id, seq, offset_ms, duration_ms FROM sh_timings WHERE run_id = $1 ORDER BY position`, string(run))
		return pgx.CollectRows(found, func(row pgx.CollectableRow) (timing projections.ShTiming, err error) {
			var offset, duration *int64
			err = row.Scan(&timing.JobID, &timing.Seq, &offset, &duration)
			timing.OffsetMs, timing.DurationMs = known(offset), known(duration)
			return timing, err
		})
	})
}

func known(n *int64) projections.Null[int64] {
	if n == nil {
		return projections.Null[int64]{}
	}
	return projections.Some(*n)
}

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

// growing writes to the store just before each switch to other rows.
type growing struct {
	*postgres.Store
	grow func()
}

func (g growing) Switch(ctx context.Context, number int, keep bool, last func(store.Beside) error) error {
	g.grow()
	return g.Store.Switch(ctx, number, keep, last)
}

// A transaction that writes rows, and that of a switch, read the streams that the store keeps, though
// the pool has no other connection.
func TestKeptStreamsInPoolOfOne(t *testing.T) {
	address := as(t, pgtest.Shared(t).NewDatabase(t), "pool_max_conns", "1")
	old := open(t, address, postgres.KeepStreams(), postgres.Projections(addedSet(t, mine[older](1, "key"))))
	var stream bytes.Buffer
	at := jsonl.Locate(filepath.Join(t.TempDir(), "a.jsonl"))
	grow := func(events int) {
		for range events {
			n := stream.Len()
			fmt.Fprintf(&stream, `{"at_ms":%d,"type":"job_started","job_id":"job %d"}`+"\n", n, n)
		}
		require.NoError(t, os.WriteFile(at.Path, stream.Bytes(), 0o666))
		_, err := store.Ingest(ctx, old, at.Source(jsonl.Options{}), store.Options{})
		require.NoError(t, err)
	}
	grow(50_000)

	s := open(t, address, postgres.Projections(addedSet(t, mine[newer](2, "key"))))
	own, err := kept.Own(ctx, s, jsonl.Streams{})
	require.NoError(t, err)
	_, err = store.Build(ctx, s, own, store.Options{})
	require.NoError(t, err)
	grow(1)
	grown := false
	err = store.Switch(ctx, growing{s, func() {
		if !grown {
			grow(10)
		}
		grown = true
	}}, own, false)
	require.NoError(t, err)
	assert.True(t, grown)
	known, err := s.Checkpoints(ctx, []domain.RunID{"a"})
	require.NoError(t, err)
	assert.EqualValues(t, stream.Len(), known["a"].Bytes)
}

func addedSet(t testing.TB, added ...projections.AnyDefinition) *projections.Set {
	t.Helper()
	set, err := projections.NewSet(added...)
	require.NoError(t, err)
	return set
}

// incompressible returns n bytes that an index cannot compress.
func incompressible(n int) string {
	random := rand.New(rand.NewPCG(1, 2))
	var s strings.Builder
	for s.Len() < n {
		s.WriteByte(byte('!' + random.IntN(90)))
	}
	return s.String()
}

// All indexes can hold the longest ids of runs. Ids of jobs have no limit.
func TestLongestKeys(t *testing.T) {
	s := open(t, pgtest.Shared(t).NewDatabase(t))
	plain := incompressible(512)
	run := []byte(plain)
	for at := range run {
		if at%3 != 0 {
			run[at] = 0
		}
	}
	long := incompressible(3 << 20)
	for _, run := range []domain.RunID{
		domain.RunID(plain), domain.RunID(run), domain.RunID(strings.Repeat("\x00", 512)),
		domain.RunID(strings.Repeat("\x01", 150) + plain[:362]),
	} {
		rows := rowsOf(run)
		rows.Tables[2] = store.RowsOf(projections.Jobs,
			projections.Row[projections.Job]{Index: 0, Value: projections.Job{JobID: long + "a"}}, projections.Row[projections.Job]{Index: 1, Value: projections.Job{JobID: long + "b"}})
		err := s.Update(ctx, func(tx store.Tx) error { return errors.Join(tx.Insert(rows), tx.SetCheckpoint(run, checkpoint)) })
		if err == nil {
			err = s.View(ctx, run, func(snapshot store.Snapshot) error { return sameRows(snapshot, rows) })
		}
		assert.NoError(t, err, "run %.9q", run)
	}
}
