package memory_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// adapters/storetest tests all stores. These are the mistakes that only this one detects.
func TestStrictness(t *testing.T) {
	const run, other = domain.RunID("run"), domain.RunID("other")
	of := []*projections.Definition{projections.Jobs.Definition}
	row := func(index int, id string) projections.Row[projections.Job] {
		return projections.Row[projections.Job]{Index: index, Value: projections.Job{JobID: id}}
	}
	rows := func(stored int, rows ...projections.Row[projections.Job]) *store.Rows {
		list := projections.Jobs.NewRows()
		for _, row := range rows {
			*projections.Jobs.At(list.New(row.Index, row.Final)) = row.Value
		}
		return &store.Rows{RunID: run, Continued: stored > 0, Tables: []store.TableRows{{Of: of[0], Rows: list, Stored: stored}}}
	}
	a, b := row(0, "a"), row(1, "b")
	final := a
	final.Final = true
	lock := func(tx store.Tx) error { _, err := tx.Lock([]domain.RunID{run}); return err }
	ready := func(tx store.Tx) error { return errors.Join(lock(tx), tx.Clear([]domain.RunID{run}, of)) }
	inserts := func(all ...*store.Rows) func(store.Tx) error {
		return func(tx store.Tx) error {
			err := ready(tx)
			for _, rows := range all {
				err = errors.Join(err, tx.Insert(rows))
			}
			return err
		}
	}

	for name, test := range map[string]struct {
		do   func(store.Tx) error
		want string
	}{
		"lock":                   {lock, ""},
		"lock twice":             {func(tx store.Tx) error { return errors.Join(lock(tx), lock(tx)) }, "Lock was called twice"},
		"lock no id":             {func(tx store.Tx) error { _, err := tx.Lock([]domain.RunID{""}); return err }, "cannot be a key"},
		"versions before lock":   {func(tx store.Tx) error { _, err := tx.Versions(); return err }, "before Lock"},
		"register before lock":   {func(tx store.Tx) error { return tx.Register() }, "before Lock"},
		"clear before lock":      {func(tx store.Tx) error { return tx.Clear(nil, of) }, "before Lock"},
		"truncate before lock":   {func(tx store.Tx) error { return tx.Truncate(run, of[0], 0) }, "before Lock"},
		"insert before lock":     {func(tx store.Tx) error { return tx.Insert(rows(0, a)) }, "before Lock"},
		"checkpoint before lock": {func(tx store.Tx) error { return tx.SetCheckpoint(run, store.Checkpoint{}) }, "before Lock"},
		"clear another run":      {func(tx store.Tx) error { return errors.Join(lock(tx), tx.Clear([]domain.RunID{other}, nil)) }, `"other" is not one that Lock has named`},
		"truncate another run":   {func(tx store.Tx) error { return errors.Join(lock(tx), tx.Truncate(other, of[0], 0)) }, `"other" is not one that Lock has named`},
		"insert before clear":    {func(tx store.Tx) error { return errors.Join(lock(tx), tx.Insert(rows(0, a))) }, "before their run was cleared"},

		"insert":                    {inserts(rows(0, a, b)), ""},
		"insert in parts":           {inserts(rows(0, b), rows(0, a)), ""},
		"insert a row twice":        {inserts(rows(0, a), rows(0, a)), `jobs: row 0, "a" , is there already`},
		"insert a place twice":      {inserts(rows(0, a, row(0, "b"))), "is there already"},
		"insert a key twice":        {inserts(rows(0, a, row(1, "a"))), `jobs: row 1 has the key "a"  of row 0`},
		"insert without a place":    {inserts(rows(0, row(-1, "a"))), "is -1"},
		"replace":                   {inserts(rows(0, a, b), rows(2, final, row(1, "b"), row(2, "c"))), ""},
		"replace what is not there": {inserts(rows(0, a), rows(2, b)), "is not there"},
		"replace by another key":    {inserts(rows(0, a), rows(1, row(0, "b"))), "had another key"},
		"replace by another's key":  {inserts(rows(0, a, b), rows(2, row(1, "a"))), `has the key "a"  of row 0`},
		"replace what is final":     {inserts(rows(0, final), rows(1, final)), "is final"},
		"put back what was cut off": {func(tx store.Tx) error {
			return errors.Join(inserts(rows(0, a, b))(tx), tx.Truncate(run, of[0], 1), tx.Insert(rows(1, row(1, "c"))))
		}, ""},
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

func TestNothingOutlivesItsFunction(t *testing.T) {
	ctx, s := context.Background(), memory.New()
	var tx store.Tx
	var snapshot store.Snapshot
	require.NoError(t, s.Update(ctx, func(given store.Tx) error { tx = given; return nil }))
	_, err := tx.Lock([]domain.RunID{"run"})
	assert.Error(t, err, "the transaction was used after its Update had returned")
	require.NoError(t, s.View(ctx, "run", func(given store.Snapshot) error { snapshot = given; return nil }))
	if _, _, err := snapshot.Checkpoint(); err == nil {
		t.Error("the checkpoint was read after View had returned")
	}
	for _, err := range snapshot.Rows(projections.Jobs.Definition) {
		assert.Error(t, err, "a row was read after View had returned")
		return
	}
	t.Error("a sequence ended without an error after View had returned")
}

// A row is valid until the next one is read.
func TestRowsAreHeldNoLonger(t *testing.T) {
	ctx, s := context.Background(), memory.New()
	runs, of := []domain.RunID{"run"}, projections.Jobs
	rows := store.RowsOf(of,
		projections.Row[projections.Job]{Index: 0, Value: projections.Job{JobID: "a"}},
		projections.Row[projections.Job]{Index: 1, Value: projections.Job{JobID: "b"}})
	err := s.Update(ctx, func(tx store.Tx) error {
		_, err := tx.Lock(runs)
		return errors.Join(err, tx.Clear(runs, nil), tx.Insert(&store.Rows{RunID: "run", Tables: []store.TableRows{rows}}))
	})
	require.NoError(t, err)
	err = s.View(ctx, "run", func(snapshot store.Snapshot) error {
		var held []string
		var first *projections.Job
		for row, err := range snapshot.Rows(of.Definition) {
			if err != nil {
				return err
			}
			if first == nil {
				first = of.At(row.Value)
			}
			held = append(held, first.JobID)
		}
		if held = append(held, first.JobID); !slices.Equal(held, []string{"a", "b", ""}) {
			t.Errorf("the first row was %q", held)
		}
		return nil
	})
	require.NoError(t, err)
}
