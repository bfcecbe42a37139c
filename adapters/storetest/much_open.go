package storetest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// muchOpen has a run with too many open rows for its state to be stored. Ingest continues it. A
// projector that does not have it in memory quarantines only this run, and continues when enough
// rows are final.
func muchOpen(t *trial) {
	const commands = 5
	var stream []byte
	emit := func(event domain.Event) { stream = appendLine(stream, domain.Entry{Event: event}) }
	emit(domain.NewJobStarted(0, "a"))
	for i := range commands {
		emit(domain.NewShStarted(int64(i), "a", strings.Repeat("<", 1<<20)))
	}
	run, other := t.run("a"), t.run("b")
	r := record(run, stream)
	r.reading = skipping().ReadOptions()
	must(errors.Join(t.ingests(r, store.Options{}, store.Added), t.hasState(run, false)))
	emit(domain.NewShFinished(commands, "a", 0))
	r.is(stream)
	must(errors.Join(t.ingests(r, store.Options{}, store.Continued), t.hasState(run, false)))
	before := len(stream)
	for range commands - 1 {
		emit(domain.NewShFinished(commands, "a", 0))
	}
	t.project(t.store, skipping(), hasty, func(p *store.Projector) {
		must(t.deliver(p, []domain.Segment{segmentOf(run, stream, before, len(stream), false), segmentOf(other, longStream(1), 0, len(longStream(1)), false)}))
		must(t.until(run, func(w store.Waiting) bool { return w.Quarantine != nil && w.Quarantine.Code == store.NotResumable }))
		r.is(stream)
		must(errors.Join(t.ingests(r, store.Options{}, store.Continued), t.hasState(run, true)))
		before = len(stream)
		emit(domain.NewJobFinished(commands, "a", domain.Complete))
		must(errors.Join(p.Retry(t.ctx, run), p.Apply(t.ctx, segmentOf(run, stream, before, len(stream), false))))
		must(errors.Join(t.projected(map[domain.RunID][]byte{run: stream}, r.name), t.projected(map[domain.RunID][]byte{other: longStream(1)}, segmentSource)))
	})
}

// hasState returns an error unless the run has a stored state, or has none, as wanted.
func (t *trial) hasState(run domain.RunID, want bool) error {
	checkpoints, err := t.store.Checkpoints(t.ctx, []domain.RunID{run})
	if err == nil && (checkpoints[run].State != "") != want {
		err = fmt.Errorf("that a state is stored is %t, not %t", !want, want)
	}
	return err
}
