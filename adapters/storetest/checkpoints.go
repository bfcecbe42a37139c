package storetest

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

var checkpointLaws = []law{
	example("Versions returns the highest registered versions, as of the transaction", versionsAreKept),
	example("many runs can be named at once", manyRuns),
}

func checkpointsDiffer(whose string, got, want map[domain.RunID]store.Checkpoint) error {
	for run := range got {
		if _, ok := want[run]; !ok {
			return fmt.Errorf("%s returns a checkpoint of %s", whose, show(run))
		}
	}
	for run, want := range want {
		got, ok := got[run]
		if !ok {
			return fmt.Errorf("%s returns no checkpoint of %s", whose, show(run))
		}
		if got != want {
			return fmt.Errorf("%s returns a checkpoint of %s whose %s", whose, show(run), fields(got, want))
		}
	}
	return nil
}

// versionsAreKept uses programs with several versions of a projection of its own.
func versionsAreKept(t *trial) {
	name := t.unique()
	stores := map[int]store.Store{}
	for _, version := range []int{1, 3, 5} {
		stores[version] = t.as(setOf(declare(reducer[int, retry]{}, projections.Declaration[retry]{Name: name, Version: version, Key: []string{"cmd"}})))
	}
	run := []domain.RunID{t.run("a")}
	register := func(version, before, after int, returned error) error {
		err := stores[version].Update(t.ctx, func(tx store.Tx) error {
			if _, err := tx.Lock(run); err != nil {
				return err
			}
			versions, err := tx.Versions()
			if err != nil || versions[name] != before {
				return fmt.Errorf("Versions returns %d before version %d registers, not %d: %w", versions[name], version, before, err)
			}
			if err := tx.Register(); err != nil {
				return err
			}
			if versions, err = tx.Versions(); err != nil || versions[name] != max(before, version) {
				return fmt.Errorf("Versions returns %d when version %d has registered behind %d: %w", versions[name], version, before, err)
			}
			return returned
		})
		if !errors.Is(err, returned) {
			return err
		}
		for _, s := range stores {
			versions, err := s.Versions(t.ctx)
			if err != nil || versions[name] != after || versions[projections.Jobs.Name] > projections.Version {
				return fmt.Errorf("Versions returns %v when version %d has registered, and its transaction has returned %v: %w", versions, version, returned, err)
			}
		}
		return nil
	}
	must(cmp.Or(
		register(3, 0, 0, errInjected), register(3, 0, 3, nil), register(1, 3, 3, nil), register(5, 3, 3, errInjected), register(5, 3, 5, nil), register(3, 5, 5, nil)))
}

// manyRuns names many runs, few of them stored: as many as one transaction writes, and some more to
// read.
func manyRuns(t *trial) {
	const read, written = 3000, 600
	var many []domain.RunID
	for i := range read {
		many = append(many, domain.RunID(fmt.Sprint(t.prefix, i)))
	}
	first, last := t.plain(t.run("0")), t.plain(t.run(fmt.Sprint(written-1)))
	must(t.write(first, last))
	want := map[domain.RunID]store.Checkpoint{first.id: first.checkpoint.V, last.id: last.checkpoint.V}
	got, err := t.store.Checkpoints(t.ctx, many)
	must(err)
	must(checkpointsDiffer("Checkpoints", got, want))
	must(t.transact(func(tx store.Tx) {
		many := many[:written]
		got := value(tx.Lock(many))
		must(checkpointsDiffer("Lock", got, want))
		must(tx.Clear(many, t.of))
	}))
	must(t.holds(nothing(first.id), nothing(last.id)))
}
