package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// Agree holds several stores to each other: the same streams and the same
// transactions leave the same rows in all of them.
func Agree(t *testing.T, stores ...Opener) {
	t.Helper()
	var others []store.Store
	for _, open := range stores[1:] {
		others = append(others, open(t, Set))
	}
	for _, law := range agreeLaws(others...) {
		t.Run(law.name, func(t *testing.T) { law.check(t, stores[0]) })
	}
}

// agreeLaws compares whatever store is tried with others.
func agreeLaws(others ...store.Store) []law {
	among := func(holds func(*council)) func(*trial) {
		return func(t *trial) {
			c := &council{trial: t, members: []*trial{t}}
			for _, other := range others {
				member := *t
				member.store = other
				c.members = append(c.members, &member)
			}
			holds(c)
			c.each(func(member *trial) { must(member.remove(t.runs...)) })
		}
	}
	return []law{
		property("the same streams give the same rows", among(sameStreams)),
		property("the same transactions leave the same rows", among(sameTransactions)),
	}
}

// council are trials of several stores, with the same runs.
type council struct {
	*trial
	members []*trial
}

// each does something to all stores.
func (c *council) each(do func(*trial)) {
	for i, member := range c.members {
		must(wrap(fmt.Sprintf("store %d, %T", i+1, member.store), caught(func() { do(member) })))
	}
}

// agree says where stores differ from the first.
func (c *council) agree() {
	var first []*content
	var listed []store.Run
	c.each(func(member *trial) {
		runs := member.listed(100)
		contents := member.readAll(c.runs)
		if first == nil {
			first, listed = contents, runs
		}
		for i, got := range contents {
			must(wrap(fmt.Sprintf("run %s", show(got.id)), got.differs(first[i])))
		}
		must(runsDiffer(runs, listed))
	})
}

func (t *trial) readAll(runs []domain.RunID) (contents []*content) {
	for _, run := range runs {
		contents = append(contents, value(t.read(run)))
	}
	return contents
}

// sameStreams takes versions of two streams in.
func sameStreams(c *council) {
	for _, r := range []*recording{record(c.run("a"), nil), record(c.run("b"), nil)} {
		for range 1 + c.upTo(2, "versions") {
			r.is(c.otherThan(r.bytes()))
			var first store.Result
			c.each(func(member *trial) {
				result, err := store.Ingest(member.ctx, member.store, r, store.Options{})
				if first.Outcome == "" {
					first = result
				}
				if err == nil && result != first {
					err = fmt.Errorf("store.Ingest returns %s, not %s", show(result), show(first))
				}
				must(err)
			})
			c.agree()
		}
	}
}

// sameTransactions draws a few transactions and does each of them everywhere.
func sameTransactions(c *council) {
	runs := []domain.RunID{c.run("a"), c.run("b"), c.run("é")}
	for range 1 + c.upTo(3, "transactions") {
		var steps []func(store.Tx) error
		for _, run := range runs {
			steps = append(steps, c.step(run))
		}
		failing := c.upTo(4, "fails") == 4
		c.each(func(member *trial) {
			err := member.update(runs, func(tx store.Tx) {
				for _, step := range steps {
					must(step(tx))
				}
				if failing {
					must(errInjected)
				}
			})
			if failing && errors.Is(err, errInjected) {
				return
			}
			must(err)
		})
		c.agree()
	}
}

// step draws something that can be done to a run as it is stored now.
func (c *council) step(run domain.RunID) func(store.Tx) error {
	runs, tables := []domain.RunID{run}, c.tables()
	stored := value(c.read(run))
	switch pick(c.trial, "step", "replace", "clear", "continue", "cut off", "put back", "nothing") {
	case "replace":
		now := c.content(run)
		return func(tx store.Tx) error {
			return errors.Join(tx.Clear(runs, c.of), tx.Insert(now.rows(nil)), tx.SetCheckpoint(run, now.checkpoint.V))
		}
	case "clear":
		return func(tx store.Tx) error { return tx.Clear(runs, tables) }
	case "continue":
		now, versions := c.changed(stored)
		return func(tx store.Tx) error {
			return errors.Join(tx.Insert(versions.rows(stored)), tx.SetCheckpoint(run, now.checkpoint.V))
		}
	case "cut off":
		left, _ := c.split(stored)
		checkpoint := c.checkpoint()
		return func(tx store.Tx) error {
			for _, of := range c.of {
				if err := tx.Truncate(run, of, left.of(of).Len()); err != nil {
					return err
				}
			}
			return tx.SetCheckpoint(run, checkpoint)
		}
	case "put back":
		back := stored.where(func(of definition, _ anyRow) bool { return slices.Contains(tables, of) })
		return func(tx store.Tx) error { return errors.Join(tx.Clear(runs, tables), tx.Insert(back.rows(nil))) }
	}
	return func(store.Tx) error { return nil }
}
