package postgres_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// incompressible returns n bytes that an index cannot make smaller.
func incompressible(n int) string {
	random := rand.New(rand.NewPCG(1, 2))
	var s strings.Builder
	for s.Len() < n {
		s.WriteByte(byte('!' + random.IntN(90)))
	}
	return s.String()
}

// withJobs are rows of a run whose jobs have these ids; the last one is open.
func withJobs(run domain.RunID, ids ...string) *store.Rows {
	rows := &store.Rows{RunID: run}
	for i, id := range ids {
		job := projections.Job{JobID: id, State: projections.Complete, FinishedAtMs: projections.Some[int64](1)}
		if i == len(ids)-1 {
			job = projections.Job{JobID: id, State: projections.Active}
		}
		rows.Jobs = append(rows.Jobs, projections.Row[projections.Job]{Index: i, Value: job})
		rows.Timings = append(rows.Timings, projections.Row[projections.JobTiming]{Index: i, Value: projections.JobTiming{JobID: id}})
		rows.ShEvents = append(rows.ShEvents, projections.Row[projections.ShEvent]{Index: i, Value: projections.ShEvent{
			JobID: id, Seq: 1, FinishedAtMs: projections.Some[int64](1), ExitCode: projections.Some[int32](0),
		}})
		rows.Diagnostics = append(rows.Diagnostics, projections.Row[projections.Diagnostic]{Index: i, Value: projections.Diagnostic{JobID: projections.Some(id)}})
	}
	return rows
}

func insert(t *testing.T, s store.Store, rows *store.Rows, before func(store.Tx) error) {
	t.Helper()
	err := s.Update(ctx, func(tx store.Tx) error {
		if err := before(tx); err != nil {
			return err
		}
		return tx.Insert(rows)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// checkJobIDs reads the ids of jobs from every table that has them.
func checkJobIDs(t *testing.T, s store.Store, run domain.RunID, ids ...string) {
	t.Helper()
	err := s.View(ctx, run, func(snapshot store.Snapshot) error {
		n := 0
		check := func(table string, index int, got string) {
			if n++; index >= len(ids) || got != ids[index] {
				t.Errorf("%s: row %d has another id, of %d bytes", table, index, len(got))
			}
		}
		for row, err := range snapshot.Jobs() {
			if err != nil {
				return err
			}
			check("jobs", row.Index, row.Value.JobID)
		}
		for row, err := range snapshot.ShEvents() {
			if err != nil {
				return err
			}
			check("sh_events", row.Index, row.Value.JobID)
		}
		for row, err := range snapshot.Timings() {
			if err != nil {
				return err
			}
			check("timings", row.Index, row.Value.JobID)
		}
		for row, err := range snapshot.ShTimings() {
			if err != nil {
				return err
			}
			check("sh_timings", row.Index, row.Value.JobID)
		}
		for row, err := range snapshot.Diagnostics() {
			if err != nil {
				return err
			}
			check("diagnostics", row.Index, row.Value.JobID.V)
		}
		if n != 5*len(ids) {
			t.Errorf("%d rows, want %d", n, 5*len(ids))
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestLongJobIDs(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, on one goroutine")
	}
	address := pgtest.Shared(t).NewDatabase(t)
	s := open(t, address)
	long := incompressible(3 << 20)
	ids := []string{"short", long + "a", "\x00" + long, strings.Repeat("\x00", 300), long[:1024], long[:1025], long + "b"}
	run := domain.RunID("r")
	insert(t, s, withJobs(run, ids...), func(store.Tx) error { return nil })
	checkJobIDs(t, s, run, ids...)

	// Whatever their ids are, rows can be replaced.
	again := withJobs(run, ids...)
	again.Diagnostics, again.Stored = nil, store.Stored{Run: true, Jobs: len(ids), ShEvents: len(ids)}
	insert(t, s, again, func(store.Tx) error { return nil })
	checkJobIDs(t, s, run, ids...)

	const side = `SELECT count(*) FROM long_job_ids`
	if n := value[int](t, address, side); n != 5 {
		t.Errorf("%d ids are long, want 5", n)
	}
	// What is left in other tables names them.
	insert(t, s, &store.Rows{RunID: run}, func(tx store.Tx) error { return tx.Clear([]domain.RunID{run}, store.TableDiagnostics) })
	if n := value[int](t, address, side); n != 5 {
		t.Errorf("%d ids are left, want 5", n)
	}
	insert(t, s, withJobs("one", long), func(tx store.Tx) error {
		return errors.Join(tx.Clear([]domain.RunID{run}, store.AllTables), tx.Insert(withJobs("other", long)))
	})
	if n := value[int](t, address, side); n != 2 {
		t.Errorf("%d ids are left, want 2", n)
	}
	checkJobIDs(t, s, "one", long)
	checkJobIDs(t, s, "other", long)
}

// The longest keys there are fit into an index.
func TestLongestKeys(t *testing.T) {
	s := open(t, pgtest.Shared(t).NewDatabase(t))
	plain := incompressible(512)
	run := []byte(plain)
	for at := range run {
		if at%3 != 0 {
			run[at] = 0
		}
	}
	for _, run := range []domain.RunID{
		domain.RunID(plain), domain.RunID(run), domain.RunID(strings.Repeat("\x00", 512)),
		domain.RunID(strings.Repeat("\x01", 150) + plain[:362]),
	} {
		job := incompressible(1024)
		insert(t, s, withJobs(run, job, job+"x"), func(store.Tx) error { return nil })
		checkJobIDs(t, s, run, job, job+"x")
	}
}

// An id that somebody has deleted is missed.
func TestLongJobIDThatIsGone(t *testing.T) {
	address := pgtest.Shared(t).NewDatabase(t)
	s := open(t, address)
	rows := withJobs("r", incompressible(2000))
	insert(t, s, rows, func(tx store.Tx) error { return tx.SetCheckpoint("r", checkpoint) })
	sql(t, address, `DELETE FROM long_job_ids`)
	if got := stored(t, s, "r"); len(got) > 0 {
		t.Error("the checkpoint is still there")
	}
	err := s.View(ctx, "r", func(snapshot store.Snapshot) error {
		for _, err := range snapshot.Jobs() {
			return err
		}
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "is gone") {
		t.Errorf("reading it gives %v", err)
	}
}
