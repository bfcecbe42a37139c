package storetest

import (
	"context"
	"errors"
	"maps"
	"slices"

	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// anyTransaction is the law that most mistakes of a store break.
const anyTransaction = "a transaction changes its runs as requested or not at all, and no other runs"

var errInjected = errors.New("injected by the test")

var changeLaws = []law{
	rarely(anyTransaction, transactions),
}

// similar are names of runs that a careless comparison would confuse.
var similar = []string{"a", "A", "a ", "a%", "_", "á", "a\u0301", "aa"}

// same has the projections of [Set], for another program that opens the store.
var same = setOf(everyTypes, marks, turns, crowds, retries)

// some draws some of the contents.
func (t *trial) some(contents []*content) []*content {
	n := t.upTo(len(contents), "some")
	return rapid.Permutation(contents).Draw(t.draw, "which")[:n]
}

// transactions repeatedly changes runs in one transaction, which may fail at any step, and compares
// the result with what is stored. Until the transaction commits, readers must see what was there
// before, and who began to read before that must go on seeing it.
func transactions(t *trial) {
	names := rapid.Permutation(similar).Draw(t.draw, "names")
	untouched := t.content(t.run(names[0]))
	stored, waits := []*content{untouched}, map[domain.RunID]*keep{untouched.id: {}}
	for i := range 1 + t.upTo(2, "runs") {
		stored = append(stored, nothing(t.run(names[1+i])))
		waits[stored[1+i].id] = &keep{}
	}
	must(t.write(untouched))
	for range 2 + t.upTo(4, "transactions") {
		as := func() {
			must(errors.Join(t.holds(stored...), t.waitsAs(waits)))
			must(t.haveCheckpoints("Checkpoints", t.some(stored), func(runs []domain.RunID) (map[domain.RunID]store.Checkpoint, error) {
				return t.store.Checkpoints(t.ctx, runs)
			}))
		}
		next, nextWaits, steps := t.steps(stored[1:], waits)
		revision, written := value(t.store.Revision(t.ctx)), ""
		steps = append(steps, func(store.Tx) error {
			written = value(t.store.Revision(t.ctx))
			return caught(as)
		})
		read := pick(t, "read", stored...)
		ends := pick(t, "ends", "well", "error", "panic", "cancel", "well", "well", "well")
		must(t.view(read.id, func(snapshot store.Snapshot) {
			_, _, err := snapshot.Checkpoint()
			must(err)
			err = t.transaction(stored, steps, ends)
			got := value(readContent(read.id, t.of, snapshot))
			must(wrap("a view shows another moment", got.differs(read)))
			if err == nil {
				stored, waits = append([]*content{untouched}, next...), nextWaits
				now := value(t.store.Revision(t.ctx))
				failIf(now != "" && (now == revision || now == written), "the revision is %q before a commit and after it", now)
			} else if ends == "well" {
				must(err)
			}
		}))
		as()
	}
}

// steps draws changes of runs and of what waits for them, and returns what is to be stored then.
func (t *trial) steps(stored []*content, waits map[domain.RunID]*keep) (next []*content, nextWaits map[domain.RunID]*keep, steps []func(store.Tx) error) {
	cleared, tables := t.some(stored), t.tables()
	if len(cleared) > 0 {
		steps = append(steps, func(tx store.Tx) error { return tx.Clear(idsOf(cleared), tables) })
	}
	nextWaits = maps.Clone(waits)
	for _, c := range stored {
		if slices.Contains(cleared, c) && len(c.tables) > 0 {
			c = c.without(tables...)
		}
		now, step := t.step(c)
		next, steps = append(next, now), append(steps, step)
		nextWaits[c.id] = waits[c.id].clone()
		for range t.upTo(4, "calls") {
			steps = append(steps, t.parkStep(c.id, nextWaits[c.id]))
		}
	}
	return next, nextWaits, steps
}

// transaction runs the steps, and injects an accident unless the transaction must succeed. If the
// context ends, the store may still commit, but its error must tell whether it did.
func (t *trial) transaction(stored []*content, steps []func(store.Tx) error, ends string) (err error) {
	ctx, cancel := context.WithCancel(t.ctx)
	defer cancel()
	if accident := accidents[ends]; accident != nil {
		steps = slices.Insert(steps, t.upTo(len(steps), ends), func(store.Tx) error { return accident(cancel) })
	}
	program := pick(t, "program", t.store, t.store, t.as(same))
	panicked := panics(func() {
		err = program.Update(ctx, func(tx store.Tx) error {
			err := t.haveCheckpoints("Lock", stored, tx.Lock)
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

// haveCheckpoints returns an error if get returns other checkpoints of these runs, and of one that
// is not stored.
func (t *trial) haveCheckpoints(whose string, stored []*content, get func([]domain.RunID) (map[domain.RunID]store.Checkpoint, error)) error {
	want := map[domain.RunID]store.Checkpoint{}
	for _, c := range stored {
		if c.checkpoint.Valid {
			want[c.id] = c.checkpoint.V
		}
	}
	got, err := get(append(idsOf(stored), domain.RunID(t.prefix+"not there")))
	if err != nil {
		return err
	}
	return checkpointsDiffer(whose, got, want)
}

// step draws a change of a run, and returns the content after it.
func (t *trial) step(c *content) (now *content, do func(store.Tx) error) {
	if len(c.tables) == 0 { // the store has no table for it
		return t.replaced(c)
	}
	switch pick(t, "step", "replace", "continue", "continue", "cut off", "cut off", "put back", "nothing") {
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
