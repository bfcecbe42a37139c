package storetest

import (
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

var readLaws = []law{
	example("several sequences can be read in turn", takenInTurn),
	thorough("a sequence can be stopped and started again", brokenOff),
	property("reported rows are those of a fold of the stream", reportedRows),
	example("views that end early leak nothing", leftEarly),
}

// wide writes a run with so many rows that no driver reads all of them ahead.
func (t *trial) wide() *content {
	c := t.plain(t.run("wide"))
	for i := range 1000 {
		t.addText(c, fmt.Sprintf("%04d", i))
	}
	must(t.write(c))
	return c
}

// takenInTurn reads a row of each sequence, then another one of each.
func takenInTurn(t *trial) {
	c := t.wide()
	must(t.view(c.id, func(snapshot store.Snapshot) {
		got, next := c.where(func(definition, anyRow) bool { return false }), map[definition]func() (anyRow, error, bool){}
		for _, of := range t.of {
			take, stop := iter.Pull2(snapshot.Rows(of))
			defer stop()
			next[of] = take
		}
		for len(next) > 0 {
			for of, take := range next {
				if row, err, more := take(); more {
					must(wrap(of.Table, err))
					got.list(of).Add(row)
				} else {
					delete(next, of)
				}
			}
		}
		must(got.differs(c))
	}))
}

func brokenOff(t *trial) {
	c := t.wide()
	must(t.view(c.id, func(snapshot store.Snapshot) {
		for range 20 {
			must(t.breakOff(snapshot))
		}
		got := value(readContent(c.id, t.of, snapshot))
		must(got.differs(c))
	}))
}

// breakOff reads a few rows of each sequence.
func (t *trial) breakOff(snapshot store.Snapshot) error {
	for _, of := range t.of {
		n := 0
		for _, err := range snapshot.Rows(of) {
			if err != nil {
				return err
			}
			if n++; n == 3 {
				break
			}
		}
	}
	return nil
}

// leftEarly ends views by an error and by a panic, with sequences that were not read to their ends:
// more often than a store has connections.
func leftEarly(t *trial) {
	c := t.wide()
	for range 30 {
		err := t.view(c.id, func(snapshot store.Snapshot) {
			_, stop := iter.Pull2(snapshot.Rows(projections.Jobs.Definition))
			defer stop()
			must(errors.Join(t.breakOff(snapshot), errInjected))
		})
		failIf(!errors.Is(err, errInjected), "View returns %v, and not the error of its function", err)
		failIf(!panics(func() { _ = t.store.View(t.ctx, c.id, panicEarly) }), "View has swallowed the panic of its function")
	}
	now := t.plain(c.id)
	must(t.write(now))
	must(t.holds(now))
}

func panicEarly(snapshot store.Snapshot) error {
	for range snapshot.Rows(projections.ShEvents.Definition) {
		panic(errInjected)
	}
	return nil
}

func panics(do func()) (panicked bool) {
	defer func() { panicked = recover() != nil }()
	do()
	return false
}

// unstored is a projection for reports only.
var unstored = projections.Define(projections.Declaration[projections.Label]{Name: "unstored", Version: 1, Key: []string{"key"}, New: projections.LabelRows.New, Unstored: true})

// reportedRows makes a stream continue once, and compares the rows that [store.EachRow] then
// returns with those of folds.
func reportedRows(t *trial) {
	r := aligned(t.run("a"), t.stream("stream"))
	t.takes(r, nil)
	if was := r.bytes(); t.flip("comes on") {
		r.is(t.otherThan(was))
		t.takes(r, was)
	}
	want, got := r.derivedOf(Set.Reported()), nothing(r.run)
	must(t.view(r.run, func(snapshot store.Snapshot) {
		must(store.EachRow(snapshot, r.run, slices.Concat(Set.Reported(), []definition{unstored.Definition}), func(of definition, row anyRow) { got.list(of).Add(row) }))
	}))
	for of := range got.tables {
		failIf(!slices.Contains(Set.Reported(), of), "there are rows of %s", of.Name)
	}
	for _, of := range Set.Reported() {
		must(wrap(of.Name, rowsDiffer(of, got.of(of), want.of(of))))
	}
}
