package storetest

import (
	"context"
	"errors"
	"slices"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

var transactionLaws = []law{
	example("a cancelled call does nothing", cancelledCalls),
	example("readers see the state before an unfinished update", readersSeeBefore),
	example("the revision changes with each commit, whichever program commits", revisionsChange),
	example("a view shows one moment", viewIsOfOneMoment),
	example("an error of a view is returned", failedView),
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

// readersSeeBefore reads while a transaction has written everything and has not committed.
func readersSeeBefore(t *trial) {
	before, now := t.two()
	must(t.transact(func(tx store.Tx) {
		must(t.rewrite(tx, now))
		must(t.holds(before))
		checkpoints := value(t.store.Checkpoints(t.ctx, []domain.RunID{now.id}))
		want := map[domain.RunID]store.Checkpoint{now.id: before.checkpoint.V}
		must(checkpointsDiffer("Checkpoints", checkpoints, want))
		must(runsDiffer(t.listed(store.Page{Limit: 100}), []store.Listed{before.listed()}))
	}))
	must(t.holds(now))
}

// revisionsChange reads the revision before a transaction, when it has written everything, and
// after it: the last one must differ.
func revisionsChange(t *trial) {
	run := t.run("a")
	for i, writer := range []*trial{t, t.with(fewer), t} {
		c := writer.plain(run)
		c.run().Events = int64(i)
		seen := []string{value(t.store.Revision(t.ctx))}
		must(writer.transact(func(tx store.Tx) {
			must(writer.rewrite(tx, c))
			seen = append(seen, value(t.store.Revision(t.ctx)))
		}))
		after := value(t.store.Revision(t.ctx))
		failIf(after != "" && slices.Contains(seen, after), "the revision is %q before a commit and after it", after)
	}
}

// viewIsOfOneMoment reads the checkpoint, replaces the run, and reads the rest.
func viewIsOfOneMoment(t *trial) {
	before, now := t.two()
	must(t.view(before.id, func(snapshot store.Snapshot) {
		if _, _, err := snapshot.Checkpoint(); err != nil {
			must(err)
			return
		}
		must(t.write(now))
		got := value(readContent(before.id, t.of, snapshot))
		must(got.differs(before))
	}))
	must(t.holds(now))
}

func failedView(t *trial) {
	err := t.view(t.run("a"), func(store.Snapshot) { failf("in a view: %w", errInjected) })
	failIf(!errors.Is(err, errInjected), "View returns %v, and not the error of its function", err)
}
