package storetest

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// Laws about changes that other programs make to runs that a projector has in memory.
var disturbLaws = []law{
	property("repeated segments give the rows, whatever other programs do", disturbed),
	example("pruning a run removes its parked segments", prunedParked),
}

// disturbed removes runs, and derives them from shorter or longer parts of their streams, while a
// projector applies segments.
func disturbed(t *trial) {
	streams := t.someStreams()
	for run, stream := range streams {
		if streams[run] = stream[:wholeLines(stream)]; len(streams[run]) == 0 {
			delete(streams, run)
		}
	}
	t.project(t.store, skipping(), hasty, func(p *store.Projector) {
		for range 1 + t.upTo(3, "disturbances") {
			segments, delivered := t.mixed(t.cut(streams)), make(chan error, 1)
			deliver := func() { delivered <- t.deliver(p, segments) }
			if t.flip("at once") {
				go deliver()
			} else {
				deliver()
			}
			for run, stream := range streams {
				t.disturb(run, stream)
			}
			must(<-delivered)
		}
		must(t.deliver(p, t.mixed(t.cut(streams))))
	})
	for run, stream := range streams { // the name of the source may be either
		t.derivedFrom(run, stream)
	}
	must(t.noneWaits())
}

// disturb changes the rows of a run.
func (t *trial) disturb(run domain.RunID, stream []byte) {
	switch t.upTo(3, "disturbance") {
	case 0:
		must(t.remove(run))
		return
	case 1, 2:
		r := record(run, stream[:wholeLines(stream[:t.upTo(len(stream), "prefix")])])
		if r.reading = skipping().ReadOptions(); len(r.data) == 0 {
			return
		}
		_, err := store.Ingest(t.ctx, t.store, r, store.Options{Force: t.flip("force")})
		must(err)
		return
	}
}

// derivedFrom returns an error if the rows of a run are not those of a stream.
func (t *trial) derivedFrom(run domain.RunID, stream []byte) {
	want := record(run, stream).derived()
	stored := value(t.store.Checkpoints(t.ctx, []domain.RunID{run}))
	want.checkpoint.V.Source, want.checkpoint.V.ReadOptions = stored[run].Source, stored[run].ReadOptions
	must(t.holds(want))
}

func (t *trial) noneWaits() error {
	waiting, err := t.store.Waiting(t.ctx, t.runs...)
	if err == nil && len(waiting) > 0 {
		err = fmt.Errorf("a run still waits: %+v", waiting[0])
	}
	return err
}

// untilNoneWaits waits until no run of the trial is waiting.
func (t *trial) untilNoneWaits() {
	for t.noneWaits() != nil {
		select {
		case <-t.ctx.Done():
			failf("the quarantine stays: %w", t.noneWaits())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func prunedParked(t *trial) {
	kept, gone, early := t.run("kept"), t.run("gone"), t.run("early")
	mine, stream := &fenced{t.store, t.prefix}, longStream(1)
	all := recordings{record(kept, stream), record(gone, stream)}
	value(store.Rebuild(t.ctx, mine, all, store.Options{}))
	for _, run := range t.runs {
		must(t.update([]domain.RunID{run}, func(tx store.Tx) {
			must(errors.Join(
				tx.Park([]domain.Segment{{Run: run, Offset: math.MaxInt32, Data: []byte("\n")}}),
				tx.SetQuarantine(run, &store.Quarantine{Code: store.MalformedSegment})))
		}))
	}
	for _, options := range []store.Options{{Prune: true, DryRun: true}, {Prune: true}} {
		value(store.Rebuild(t.ctx, mine, all[:1], options))
		waiting := value(t.store.Waiting(t.ctx, t.runs...))
		var runs []domain.RunID
		for _, w := range waiting {
			runs = append(runs, w.Run)
		}
		// A run without rows cannot be pruned.
		want := []domain.RunID{early, gone, kept}
		if !options.DryRun {
			want = []domain.RunID{early, kept}
		}
		failIf(fmt.Sprint(runs) != fmt.Sprint(want), "%v wait, not %v", runs, want)
	}
	must(t.agree(all[0]))
}
