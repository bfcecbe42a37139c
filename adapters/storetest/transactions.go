package storetest

import (
	"context"
	"errors"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

var transactionLaws = []law{
	example("a cancelled call does nothing", cancelledCalls),
}

var errInjected = errors.New("injected by the test")

// rewrite replaces the stored content of a run.
func (t *trial) rewrite(tx store.Tx, now *content) error {
	runs := []domain.RunID{now.id}
	if _, err := tx.Lock(runs); err != nil {
		return err
	}
	if err := tx.Clear(runs, t.of); err != nil {
		return err
	}
	return now.insert(tx)
}

// two returns two contents of one run; the first one is stored.
func (t *trial) two() (before, now *content) {
	before, now = t.plain(t.run("a")), t.plain(t.run("a"))
	t.addText(before, "before")
	now.run().Events, now.checkpoint.V.Events = 2, 2
	t.addText(now, "now")
	t.addText(now, "before")
	must(t.write(before))
	return before, now
}

func cancelledCalls(t *trial) {
	before, now := t.two()
	ctx, cancel := context.WithCancel(t.ctx)
	cancel()
	_, checkpoints := t.store.Checkpoints(ctx, []domain.RunID{before.id})
	_, runs := t.store.Runs(ctx, store.Page{})
	_, runIDs := t.store.RunIDs(ctx, "", 10)
	_, outdated := t.store.Outdated(ctx, "", 10)
	_, versions := t.store.Versions(ctx)
	for call, err := range map[string]error{
		"Checkpoints": checkpoints, "Runs": runs, "RunIDs": runIDs, "Outdated": outdated, "Versions": versions,
		"Update": t.store.Update(ctx, func(tx store.Tx) error { return t.rewrite(tx, now) }),
		"View": t.store.View(ctx, before.id, func(snapshot store.Snapshot) error {
			_, err := readContent(before.id, t.of, snapshot)
			return err
		}),
	} {
		failIf(err == nil, "%s returns no error, and its context has ended", call)
	}
	must(t.holds(before))
}
