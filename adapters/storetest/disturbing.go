package storetest

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// What others do to the runs that a projector has in memory.
var disturbLaws = []law{
	property("segments that come again give the rows, whatever others do to them", disturbed),
	example("rows that are derived anew end a quarantine at a retry", derivedAndRetried),
	example("rows that are derived anew end a quarantine without a retry", derivedAndSwept),
	example("a segment goes into the rows that were derived anew, though its run is quarantined", derivedAndContinued),
	example("what was dropped elsewhere is not quarantined any more", droppedElsewhere),
	example("what is held of a run that is pruned goes with it", prunedHeld),
}

// disturbed removes runs, and derives them from less or more of their streams,
// while one projector goes on.
func disturbed(t *trial) {
	streams := t.someStreams()
	for run, stream := range streams {
		if streams[run] = stream[:wholeLines(stream)]; len(streams[run]) == 0 {
			delete(streams, run)
		}
	}
	t.project(t.store, skipping(), hasty, func(p *store.Projector) {
		for range 1 + t.upTo(3, "disturbances") {
			must(t.deliver(p, t.mixed(t.cut(streams))))
			for run, stream := range streams {
				t.disturb(run, stream)
			}
		}
		must(t.deliver(p, t.mixed(t.cut(streams))))
	})
	for run, stream := range streams { // the name of the source may be either
		t.derivedFrom(run, stream)
	}
	must(t.noneWaits())
}

// disturb does something to the rows of a run.
func (t *trial) disturb(run domain.RunID, stream []byte) {
	switch t.upTo(3, "disturbance") {
	case 0:
		must(t.remove(run))
		return
	case 1, 2:
		r := record(run, stream[:wholeLines(stream[:t.upTo(len(stream), "prefix")])])
		if r.reading = skipping().Reading(); len(r.data) == 0 {
			return
		}
		_, err := store.Ingest(t.ctx, t.store, r, store.Options{Force: t.flip("force")})
		must(err)
		return
	}
}

// derivedFrom says in what the rows of a run are not those of a stream.
func (t *trial) derivedFrom(run domain.RunID, stream []byte) {
	want := record(run, stream).derived()
	stored := value(t.store.Checkpoints(t.ctx, []domain.RunID{run}))
	want.checkpoint.V.Source, want.checkpoint.V.Reading = stored[run].Source, stored[run].Reading
	must(t.holds(want))
}

func (t *trial) noneWaits() error {
	waiting, err := t.store.Waiting(t.ctx, t.runs...)
	if err == nil && len(waiting) > 0 {
		err = fmt.Errorf("a run still waits: %+v", waiting[0])
	}
	return err
}

// trouble is a way for a run to be quarantined.
type trouble struct {
	code  store.QuarantineCode
	cause func(t *trial, p *store.Projector, run domain.RunID, stream []byte) error
}

// troubles quarantine a run, the whole stream of which is then taken from a
// file.
var troubles = []trouble{
	{store.MalformedSegment, func(t *trial, p *store.Projector, run domain.RunID, stream []byte) error {
		return t.deliver(p, t.segments(run, stream)) // one of which is malformed
	}},
	{store.MissingSegment, func(t *trial, p *store.Projector, run domain.RunID, stream []byte) error {
		half := wholeLines(stream[:len(stream)/2])
		return errors.Join(
			p.Apply(t.ctx, segmentOf(run, stream, half, len(stream), false)),
			t.update([]domain.RunID{run}, func(tx store.Tx) {
				must(tx.SetQuarantine(run, &store.Quarantine{Code: store.MissingSegment}))
			}))
	}},
	{store.OtherStream, func(t *trial, p *store.Projector, run domain.RunID, stream []byte) error {
		half := wholeLines(stream[:len(stream)/3])
		wrong := segmentOf(run, stream, half, wholeLines(stream[:len(stream)/2]), false)
		wrong.SHA256[0]++
		return errors.Join(p.Apply(t.ctx, segmentOf(run, stream, 0, half, false)), p.Apply(t.ctx, wrong))
	}},
	{store.CannotGoOn, func(t *trial, p *store.Projector, run domain.RunID, stream []byte) error {
		// Somebody else has derived the rows, who does not save a state.
		whole := wholeLines(stream[:len(stream)/3])
		stateless := aligned(run, stream[:whole]).derived()
		stateless.checkpoint.V.State = ""
		return errors.Join(t.write(stateless), p.Apply(t.ctx, segmentOf(run, stream, whole, len(stream), false)))
	}},
}

// inTrouble quarantines a run in each of the ways, derives it from its whole
// stream, and sees what do makes of it.
func (t *trial) inTrouble(options store.ProjectorOptions, do func(p *store.Projector, run domain.RunID, stream []byte)) {
	strict := jsonl.NewSegments(jsonl.Options{})
	for _, trouble := range troubles {
		run := t.run(string(trouble.code))
		stream := slices.Concat(exampleStreamOfLines(), exampleStreamOfLines(), []byte("{\"at_ms\":x}\n"), exampleStreamOfLines())
		must(wrap(string(trouble.code), caught(func() {
			t.project(t.store, strict, options, func(p *store.Projector) {
				must(trouble.cause(t, p, run, stream))
				must(t.until(run, func(w store.Waiting) bool { return w.Quarantine != nil && w.Quarantine.Code == trouble.code }))
				file := aligned(run, stream)
				file.name = "a file"
				must(t.rebuild(file, store.Options{Force: true}))
				do(p, run, stream)
			})
		})))
	}
}

func derivedAndRetried(t *trial) {
	t.inTrouble(hasty, func(p *store.Projector, run domain.RunID, stream []byte) {
		must(p.Retry(t.ctx, run))
		must(t.noneWaits())
		t.derivedFrom(run, stream)
	})
}

func derivedAndSwept(t *trial) {
	options := hasty
	options.GapTimeout = 40 * time.Millisecond
	t.inTrouble(options, func(_ *store.Projector, run domain.RunID, stream []byte) {
		for t.noneWaits() != nil {
			select {
			case <-t.ctx.Done():
				failf("the quarantine stays: %w", t.noneWaits())
			case <-time.After(5 * time.Millisecond):
			}
		}
		t.derivedFrom(run, stream)
	})
}

func derivedAndContinued(t *trial) {
	t.inTrouble(hasty, func(p *store.Projector, run domain.RunID, stream []byte) {
		more := append(stream, "{\"at_ms\":9,\"type\":\"other\"}\n"...)
		must(p.Apply(t.ctx, segmentOf(run, more, len(stream), len(more), false)))
		must(t.noneWaits())
		t.derivedFrom(run, more)
	})
}

// droppedElsewhere has another projector drop what is held of a run which the
// first one knows to be quarantined.
func droppedElsewhere(t *trial) {
	run, stream := t.run("a"), exampleStreamOfLines()
	bad := append(stream[:len(stream):len(stream)], "{\"at_ms\":x}\n"...)
	strict := jsonl.NewSegments(jsonl.Options{})
	t.project(t.store, strict, hasty, func(p *store.Projector) {
		must(t.deliver(p, t.segments(run, bad)))
		must(t.until(run, func(w store.Waiting) bool { return w.Quarantine != nil }))
		t.project(t.store, skipping(), hasty, func(other *store.Projector) { must(other.Drop(t.ctx, run)) })
		more := append(stream, "{\"at_ms\":9,\"type\":\"other\"}\n"...)
		must(p.Apply(t.ctx, segmentOf(run, more, len(stream), len(more), false)))
		must(t.noneWaits())
		t.derivedFrom(run, more)
	})
}

func prunedHeld(t *trial) {
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
		// What has no rows yet is no run that could be pruned.
		want := []domain.RunID{early, gone, kept}
		if !options.DryRun {
			want = []domain.RunID{early, kept}
		}
		if fmt.Sprint(runs) != fmt.Sprint(want) {
			failf("%v wait, not %v", runs, want)
		}
	}
	must(t.agree(all[0]))
}
