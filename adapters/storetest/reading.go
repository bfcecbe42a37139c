package storetest

import (
	"errors"
	"fmt"
	"iter"

	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

var readLaws = []law{
	example("a run that is not stored reads as nothing", notStored),
	example("sequences can be taken from in turn", takenInTurn),
	thorough("a sequence can be broken off and begun again", brokenOff),
	example("views that are left early leave nothing behind", leftEarly),
}

func notStored(t *trial) error {
	if err := t.write(plain(t.run("aa"))); err != nil {
		return err
	}
	return t.holds(&content{id: t.run("a")})
}

// wide writes a run with so many rows that no driver reads them all ahead.
func (t *trial) wide() (*content, error) {
	c := plain(t.run("wide"))
	for i := range 1000 {
		addText(c, i, fmt.Sprintf("%04d", i))
	}
	return c, t.write(c)
}

// takenInTurn takes a row of each sequence, then another one of each.
func takenInTurn(t *trial) error {
	c, err := t.wide()
	if err != nil {
		return err
	}
	return t.store.View(t.ctx, c.id, func(snapshot store.Snapshot) error {
		jobs, stopJobs := iter.Pull2(snapshot.Jobs())
		defer stopJobs()
		shEvents, stopShEvents := iter.Pull2(snapshot.ShEvents())
		defer stopShEvents()
		timings, stopTimings := iter.Pull2(snapshot.Timings())
		defer stopTimings()
		diagnostics, stopDiagnostics := iter.Pull2(snapshot.Diagnostics())
		defer stopDiagnostics()
		shTimings, stopShTimings := iter.Pull2(snapshot.ShTimings())
		defer stopShTimings()
		wantShTimings := c.wantShTimings()
		for i := range c.jobs {
			err := errors.Join(
				next("jobs", jobs, c.jobs[i]),
				next("sh_events", shEvents, c.shEvents[i]),
				next("timings", timings, c.timings[i]),
				next("diagnostics", diagnostics, c.diagnostics[i]),
				next("sh_timings", shTimings, wantShTimings[i]),
			)
			if err != nil {
				return err
			}
		}
		if _, ok, err := snapshot.Run(); !ok || err != nil {
			return fmt.Errorf("the run's own row: %v, %w", ok, err)
		}
		return nil
	})
}

func next[R comparable](table string, pull func() (projections.Row[R], error, bool), want projections.Row[R]) error {
	got, err, ok := pull()
	if err != nil {
		return wrap(table, err)
	}
	if !ok {
		return fmt.Errorf("%s ends before %s", table, show(want))
	}
	got.Final = false
	return rowsDiffer(table, []projections.Row[R]{got}, []projections.Row[R]{want})
}

func brokenOff(t *trial) error {
	c, err := t.wide()
	if err != nil {
		return err
	}
	return t.store.View(t.ctx, c.id, func(snapshot store.Snapshot) error {
		for range 20 {
			if err := breakOff(snapshot); err != nil {
				return err
			}
		}
		got := &content{id: c.id}
		if err := got.read(snapshot); err != nil {
			return err
		}
		return got.differs(c)
	})
}

// breakOff takes a few rows of each sequence.
func breakOff(snapshot store.Snapshot) error {
	return errors.Join(
		few(snapshot.Jobs()), few(snapshot.ShEvents()), few(snapshot.Timings()),
		few(snapshot.Diagnostics()), few(snapshot.ShTimings()),
	)
}

func few[R any](rows iter.Seq2[R, error]) error {
	n := 0
	for _, err := range rows {
		if err != nil {
			return err
		}
		if n++; n == 3 {
			break
		}
	}
	return nil
}

// leftEarly leaves views by an error and by a panic, with sequences that were
// not read to their ends: more often than a store has connections.
func leftEarly(t *trial) error {
	c, err := t.wide()
	if err != nil {
		return err
	}
	for range 30 {
		err := t.store.View(t.ctx, c.id, func(snapshot store.Snapshot) error {
			_, stop := iter.Pull2(snapshot.Jobs())
			defer stop()
			return errors.Join(breakOff(snapshot), errInjected)
		})
		if !errors.Is(err, errInjected) {
			return err
		}
		if !panics(func() { _ = t.store.View(t.ctx, c.id, panicEarly) }) {
			return errors.New("View has swallowed the panic of its function")
		}
	}
	now := plain(c.id)
	if err := t.write(now); err != nil {
		return err
	}
	return t.holds(now)
}

func panicEarly(snapshot store.Snapshot) error {
	for range snapshot.ShEvents() {
		panic(errInjected)
	}
	return nil
}

func panics(do func()) (panicked bool) {
	defer func() { panicked = recover() != nil }()
	do()
	return false
}
