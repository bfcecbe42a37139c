package storetest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

var checkpointLaws = []law{
	property("checkpoints are those that were set", checkpointsAreKept),
	property("Reducers are the lowest and the highest", reducersAreFound),
	property("Older are the runs of reducers below those named, page by page", olderAreFound),
	example("a checkpoint is lost with any of its rows", lostWithRows),
	example("a checkpoint that is set again is another", setAgain),
	example("many runs can be named at once", manyRuns),
}

// checkpointsAreKept asks for some of the runs, in each of the ways, and for one
// that is not stored.
func checkpointsAreKept(t *trial) error {
	contents := t.contents(4)
	for _, c := range contents {
		if t.flip("without") {
			c.checkpoint.Valid = false
		}
	}
	if err := t.write(contents...); err != nil {
		return err
	}
	asked := append(idsOf(t.some(contents)), t.run("not there"))
	want := map[domain.RunID]store.Checkpoint{}
	for _, c := range contents {
		if c.checkpoint.Valid && slices.Contains(asked, c.id) {
			want[c.id] = c.checkpoint.V
		}
	}
	got, err := t.store.Checkpoints(t.ctx, asked)
	if err != nil {
		return err
	}
	if err := checkpointsDiffer("Checkpoints", got, want); err != nil {
		return err
	}
	return t.store.Update(t.ctx, func(tx store.Tx) error {
		got, err := tx.Lock(asked)
		if err != nil {
			return err
		}
		return checkpointsDiffer("Lock", got, want)
	})
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

// reducersAreFound bears with checkpoints that others have stored.
func reducersAreFound(t *trial) error {
	contents := t.contents(4)
	lowest, highest, err := t.reducers()
	if err != nil {
		return err
	}
	for i, c := range contents {
		c.checkpoint.V.Reducers = 1 + t.upTo(20, "reducers")
		if i == 0 && lowest == 0 && highest == 0 {
			lowest, highest = c.checkpoint.V.Reducers, c.checkpoint.V.Reducers
		}
		lowest, highest = min(lowest, c.checkpoint.V.Reducers), max(highest, c.checkpoint.V.Reducers)
	}
	if err := t.write(contents...); err != nil {
		return err
	}
	low, high, err := t.reducers()
	if err != nil {
		return err
	}
	if low != lowest || high != highest {
		return fmt.Errorf("Reducers returns %d and %d, not %d and %d", low, high, lowest, highest)
	}
	return nil
}

// olderAreFound looks in the runs of this trial only, which others are beside.
func olderAreFound(t *trial) error {
	contents, below, page := t.contents(4), 1+t.upTo(4, "below"), 1+t.upTo(2, "page")
	var want, got []domain.RunID
	for _, c := range contents {
		if c.checkpoint.V.Reducers = 1 + t.upTo(4, "reducers"); c.checkpoint.Valid && c.checkpoint.V.Reducers < below {
			want = append(want, c.id)
		}
	}
	if err := t.write(contents...); err != nil {
		return err
	}
	for after := domain.RunID(strings.TrimSuffix(t.prefix, "-")); ; {
		ids, err := t.store.Older(t.ctx, below, after, page)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if id <= after {
				return fmt.Errorf("store.Older returns %s behind %s", show(id), show(after))
			}
			after = id
			if strings.HasPrefix(string(id), t.prefix) {
				got = append(got, id)
			}
		}
		if len(ids) < page || !strings.HasPrefix(string(after), t.prefix) {
			break
		}
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		return fmt.Errorf("store.Older returns %s, not %s", show(got), show(want))
	}
	return nil
}

func (t *trial) reducers() (lowest, highest int, err error) {
	err = t.update([]domain.RunID{t.run("another")}, func(tx store.Tx) error {
		lowest, highest, err = tx.Reducers()
		return err
	})
	return lowest, highest, err
}

// lostWithRows removes rows in each way that there is.
func lostWithRows(t *trial) error {
	ways := map[string]func(store.Tx, []domain.RunID) error{}
	for _, tables := range append(allTables, store.AllTables) {
		ways[fmt.Sprintf("Clear(%05b)", tables)] = func(tx store.Tx, runs []domain.RunID) error { return tx.Clear(runs, tables) }
	}
	for name, way := range ways {
		c := plain(t.run(name))
		addText(c, 0, "a")
		if err := t.write(c); err != nil {
			return err
		}
		runs := []domain.RunID{c.id}
		if err := t.update(runs, func(tx store.Tx) error { return way(tx, runs) }); err != nil {
			return err
		}
		found, err := t.store.Checkpoints(t.ctx, runs)
		if err != nil {
			return err
		}
		if len(found) > 0 {
			return fmt.Errorf("%s leaves the checkpoint", name)
		}
	}
	return nil
}

func setAgain(t *trial) error {
	c := plain(t.run("a"))
	if err := t.write(c); err != nil {
		return err
	}
	runs := []domain.RunID{c.id}
	for i, state := range []string{"", longText(300_000, 1), "", "a", ""} {
		c.checkpoint.V.Source, c.checkpoint.V.State = fmt.Sprint(i), state
		err := t.update(runs, func(tx store.Tx) error { return tx.SetCheckpoint(c.id, c.checkpoint.V) })
		if err != nil {
			return err
		}
		if err := t.holds(c); err != nil {
			return err
		}
	}
	// Not even what was there before the rows went comes back.
	c.checkpoint.V.State = "before"
	if err := t.write(c); err != nil {
		return err
	}
	c.checkpoint.V.State = ""
	if err := t.write(c); err != nil {
		return err
	}
	return t.holds(c)
}

// manyRuns names many runs of which few are stored: as many as are written in
// one transaction, and some more to be read.
func manyRuns(t *trial) error {
	const read, written = 3000, 600
	var many []domain.RunID
	for i := range read {
		many = append(many, domain.RunID(fmt.Sprint(t.prefix, i)))
	}
	first, last := plain(t.run("0")), plain(t.run(fmt.Sprint(written-1)))
	if err := t.write(first, last); err != nil {
		return err
	}
	want := map[domain.RunID]store.Checkpoint{first.id: first.checkpoint.V, last.id: last.checkpoint.V}
	got, err := t.store.Checkpoints(t.ctx, many)
	if err != nil {
		return err
	}
	if err := checkpointsDiffer("Checkpoints", got, want); err != nil {
		return err
	}
	err = t.store.Update(t.ctx, func(tx store.Tx) error {
		many := many[:written]
		got, err := tx.Lock(many)
		if err != nil {
			return err
		}
		if err := checkpointsDiffer("Lock", got, want); err != nil {
			return err
		}
		return tx.Clear(many, store.AllTables)
	})
	if err != nil {
		return err
	}
	return t.holds(&content{id: first.id}, &content{id: last.id})
}
