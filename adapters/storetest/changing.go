package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// anyTransaction is the law that most mistakes of a store break.
const anyTransaction = "a transaction changes its runs as requested or not at all, and no other runs"

var changeLaws = []law{
	rarely(anyTransaction, transactions),
	example("runs with similar names are not confused", similarNames),
}

// some draws some of the contents.
func (t *trial) some(contents []*content) []*content {
	n := t.upTo(len(contents), "some")
	return rapid.Permutation(contents).Draw(t.draw, "which")[:n]
}

// transactions repeatedly clears some runs and changes each of them in one transaction, which may
// fail at any step, and compares the result with what is stored.
func transactions(t *trial) {
	var stored []*content
	for i := range 1 + t.upTo(2, "runs") {
		stored = append(stored, nothing(t.run(fmt.Sprint(i))))
	}
	untouched := t.content(t.run("untouched"))
	must(t.write(untouched))
	for range 2 + t.upTo(2, "transactions") {
		cleared, tables := t.some(stored), t.tables()
		next := []*content{}
		steps := []func(store.Tx) error{func(tx store.Tx) error { return tx.Clear(idsOf(cleared), tables) }}
		for _, c := range stored {
			if slices.Contains(cleared, c) && len(c.tables) > 0 {
				c = c.without(tables...)
			}
			now, step := t.step(c)
			next, steps = append(next, now), append(steps, step)
		}
		ends := pick(t, "ends", "well", "error", "panic", "cancel", "well", "well")
		if err := t.transaction(idsOf(stored), steps, ends); err == nil {
			stored = next
		} else if ends == "well" {
			must(err)
		}
		must(t.holds(append(stored, untouched)...))
	}
}

// transaction runs the steps, and injects an accident unless the transaction must succeed. If the
// context ends, the store may still commit, but its error must tell whether it did.
func (t *trial) transaction(runs []domain.RunID, steps []func(store.Tx) error, ends string) (err error) {
	ctx, cancel := context.WithCancel(t.ctx)
	defer cancel()
	if accident := accidents[ends]; accident != nil {
		steps = slices.Insert(steps, t.upTo(len(steps), ends), func(store.Tx) error { return accident(cancel) })
	}
	panicked := panics(func() {
		err = t.store.Update(ctx, func(tx store.Tx) error {
			_, err := tx.Lock(runs)
			for i := 0; err == nil && i < len(steps); i++ {
				err = steps[i](tx)
			}
			return err
		})
	})
	failIf(panicked != (ends == "panic"), "the function panics: %t, and Update: %t", ends == "panic", panicked)
	failIf(ends == "error" && !errors.Is(err, errInjected), "Update returns %v, and not the error of its function", err)
	if panicked {
		return errInjected
	}
	return err
}

// step draws a change of a run, and returns the content after it.
func (t *trial) step(c *content) (now *content, do func(store.Tx) error) {
	if len(c.tables) == 0 { // the store has no table for it
		return t.replaced(c)
	}
	switch pick(t, "step", "replace", "continue", "cut off", "put back", "nothing") {
	case "replace":
		return t.replaced(c)
	case "continue":
		return t.continued(c)
	case "cut off":
		return t.cutOff(c)
	case "put back":
		return t.putBack(c)
	}
	return c, func(store.Tx) error { return nil }
}

func (t *trial) replaced(c *content) (now *content, do func(store.Tx) error) {
	now = t.content(c.id)
	return now, func(tx store.Tx) error {
		return errors.Join(tx.Clear([]domain.RunID{c.id}, t.of), insertAll(tx, t.batches(now.rows(nil))), tx.SetCheckpoint(c.id, now.checkpoint.V))
	}
}

// continued replaces open rows by new versions, and adds rows.
func (t *trial) continued(c *content) (now *content, do func(store.Tx) error) {
	now, rows := t.changed(c)
	t.addMore(now)
	for _, of := range t.of {
		for i := c.of(of).Len(); i < now.of(of).Len(); i++ {
			rows.list(of).Add(now.of(of).At(i))
		}
	}
	return now, func(tx store.Tx) error {
		return errors.Join(insertAll(tx, t.batches(rows.rows(c))), tx.SetCheckpoint(c.id, now.checkpoint.V))
	}
}

func (t *trial) addMore(c *content) {
	for _, of := range t.of {
		t.addRows(c, of, t.upTo(2, "more"))
	}
}

// cutOff removes the last rows and replaces them: by rows that existed before, and by rows inserted
// in the same transaction.
func (t *trial) cutOff(c *content) (now *content, do func(store.Tx) error) {
	var steps []func(store.Tx) error
	now = c
	for range 1 + t.upTo(1, "again") {
		lengths := map[definition]int{}
		for _, of := range t.of {
			lengths[of] = t.upTo(now.of(of).Len(), "rows of "+of.Table)
		}
		left := now.where(func(of definition, row anyRow) bool { return row.Index < lengths[of] })
		now = left.clone()
		t.addMore(now)
		added := now.where(func(of definition, row anyRow) bool { return row.Index >= lengths[of] })
		steps = append(steps, func(tx store.Tx) (err error) {
			for _, of := range t.of {
				err = errors.Join(err, tx.Truncate(c.id, of, lengths[of]))
			}
			return errors.Join(err, insertAll(tx, t.batches(added.rows(left))))
		})
	}
	now.checkpoint = some(t.checkpoint())
	return now, func(tx store.Tx) (err error) {
		for _, step := range steps {
			err = errors.Join(err, step(tx))
		}
		return errors.Join(err, tx.SetCheckpoint(c.id, now.checkpoint.V))
	}
}

// putBack removes rows and inserts the same rows again.
func (t *trial) putBack(c *content) (now *content, do func(store.Tx) error) {
	tables := t.tables()
	back := c.where(func(of definition, _ anyRow) bool { return slices.Contains(tables, of) })
	now = c.clone()
	now.checkpoint = some(t.checkpoint())
	return now, func(tx store.Tx) error {
		return errors.Join(tx.Clear([]domain.RunID{c.id}, tables), insertAll(tx, t.batches(back.rows(nil))), tx.SetCheckpoint(c.id, now.checkpoint.V))
	}
}

// similarNames writes runs whose ids a careless comparison would confuse.
func similarNames(t *trial) {
	var contents []*content
	for _, name := range []string{"a", "A", "a ", " a", "a%", "_", "%", "á", "a\u0301", "a\u200b", "ａ", "aa"} {
		c := t.plain(t.run(name))
		t.addText(c, name)
		contents = append(contents, c)
	}
	must(t.write(contents...))
	for _, c := range contents {
		runs := []domain.RunID{c.id}
		must(t.update(runs, func(tx store.Tx) { must(tx.Clear(runs, t.of)) }))
		*c = *nothing(c.id)
		must(t.holds(contents...))
	}
}
