package memory_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// What a store does is tested by adapters/storetest. Here is what this one
// does not let pass.
func TestStrictness(t *testing.T) {
	const run, other = domain.RunID("run"), domain.RunID("other")
	jobs := func(rows ...projections.Row[projections.Job]) *store.Rows { return &store.Rows{RunID: run, Jobs: rows} }
	a := projections.Row[projections.Job]{Index: 0, Value: projections.Job{JobID: "a"}}
	b := projections.Row[projections.Job]{Index: 1, Value: projections.Job{JobID: "b"}}
	bAtA := projections.Row[projections.Job]{Index: 0, Value: projections.Job{JobID: "b"}}
	lock := func(tx store.Tx) error { _, err := tx.Lock([]domain.RunID{run}); return err }
	ready := func(tx store.Tx) error { return errors.Join(lock(tx), tx.Clear([]domain.RunID{run}, store.AllTables)) }

	for name, test := range map[string]struct {
		do   func(store.Tx) error
		want string
	}{
		"lock":                 {lock, ""},
		"lock twice":           {func(tx store.Tx) error { return errors.Join(lock(tx), lock(tx)) }, "Lock was called twice"},
		"lock no id":           {func(tx store.Tx) error { _, err := tx.Lock([]domain.RunID{""}); return err }, "cannot be a key"},
		"reducers before lock": {func(tx store.Tx) error { _, _, err := tx.Reducers(); return err }, "before Lock"},
		"clear before lock":    {func(tx store.Tx) error { return tx.Clear(nil, store.AllTables) }, "before Lock"},

		"insert before lock":      {func(tx store.Tx) error { return tx.Insert(jobs(a)) }, "before Lock"},
		"checkpoint before lock":  {func(tx store.Tx) error { return tx.SetCheckpoint(run, store.Checkpoint{}) }, "before Lock"},
		"clear another run":       {func(tx store.Tx) error { return errors.Join(lock(tx), tx.Clear([]domain.RunID{other}, 0)) }, `"other" is not one that Lock has named`},
		"insert before clear":     {func(tx store.Tx) error { return errors.Join(lock(tx), tx.Insert(jobs(a))) }, "before their run was cleared"},
		"insert":                  {func(tx store.Tx) error { return errors.Join(ready(tx), tx.Insert(jobs(a, b))) }, ""},
		"insert a key twice":      {func(tx store.Tx) error { return errors.Join(ready(tx), tx.Insert(jobs(a)), tx.Insert(jobs(a))) }, `jobs: the row "a" is there already`},
		"insert a place twice":    {func(tx store.Tx) error { return errors.Join(ready(tx), tx.Insert(jobs(a, bAtA))) }, "have the index 0"},
		"insert without a place":  {func(tx store.Tx) error { a := a; a.Index = -1; return errors.Join(ready(tx), tx.Insert(jobs(a))) }, "is -1"},
		"a timing at another job": {func(tx store.Tx) error { return errors.Join(ready(tx), tx.Insert(timingOf(jobs(a, b), "b", 0))) }, `the index of job "b" is 1, not 0`},
		"the row of another run": {func(tx store.Tx) error {
			return errors.Join(ready(tx), tx.Insert(&store.Rows{RunID: run, Run: projections.Some(store.Run{})}))
		}, `among those of "run"`},
	} {
		t.Run(name, func(t *testing.T) {
			err := memory.New().Update(context.Background(), test.do)
			switch {
			case test.want == "" && err != nil:
				t.Fatal(err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Fatalf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}

func timingOf(rows *store.Rows, job string, index int) *store.Rows {
	rows.Timings = []projections.Row[projections.JobTiming]{{Index: index, Value: projections.JobTiming{JobID: job}}}
	return rows
}

func TestNothingOutlivesItsFunction(t *testing.T) {
	ctx, s := context.Background(), memory.New()
	var tx store.Tx
	var snapshot store.Snapshot
	if err := s.Update(ctx, func(given store.Tx) error { tx = given; return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Lock([]domain.RunID{"run"}); err == nil {
		t.Error("the transaction was used after its Update had returned")
	}
	if err := s.View(ctx, "run", func(given store.Snapshot) error { snapshot = given; return nil }); err != nil {
		t.Fatal(err)
	}
	if _, _, err := snapshot.Run(); err == nil {
		t.Error("the row was read after View had returned")
	}
	if _, _, err := snapshot.Checkpoint(); err == nil {
		t.Error("the checkpoint was read after View had returned")
	}
	for _, err := range snapshot.Jobs() {
		if err == nil {
			t.Error("a job was read after View had returned")
		}
		return
	}
	t.Error("a sequence ended without an error after View had returned")
}
