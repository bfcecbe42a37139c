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
func disturbed(t *trial) error {
	streams := t.someStreams()
	for run, stream := range streams {
		if streams[run] = stream[:wholeLines(stream)]; len(streams[run]) == 0 {
			delete(streams, run)
		}
	}
	err := t.project(t.store, skipping(), hasty, func(p *store.Projector) error {
		for range 1 + t.upTo(3, "disturbances") {
			if err := t.deliver(p, t.mixed(t.cut(streams))); err != nil {
				return err
			}
			for run, stream := range streams {
				if err := t.disturb(run, stream); err != nil {
					return err
				}
			}
		}
		return t.deliver(p, t.mixed(t.cut(streams)))
	})
	if err != nil {
		return err
	}
	for run, stream := range streams { // the name of the source may be either
		if err := t.derivedFrom(run, stream); err != nil {
			return err
		}
	}
	return t.noneWaits()
}

// disturb does something to the rows of a run.
func (t *trial) disturb(run domain.RunID, stream []byte) error {
	switch t.upTo(3, "disturbance") {
	case 0:
		return t.remove(run)
	case 1, 2:
		r := record(run, stream[:wholeLines(stream[:t.upTo(len(stream), "prefix")])])
		if r.reading = skipping().Reading(); len(r.data) == 0 {
			return nil
		}
		_, err := store.Ingest(t.ctx, t.store, r, store.Options{Force: t.flip("force")})
		return err
	}
	return nil
}

// derivedFrom says in what the rows of a run are not those of a stream.
func (t *trial) derivedFrom(run domain.RunID, stream []byte) error {
	want, err := record(run, stream).derived()
	if err != nil {
		return err
	}
	stored, err := t.store.Checkpoints(t.ctx, []domain.RunID{run})
	if err != nil {
		return err
	}
	want.checkpoint.V.Source, want.checkpoint.V.Reading = stored[run].Source, stored[run].Reading
	return t.holds(want)
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
		if err := p.Apply(t.ctx, segmentOf(run, stream, half, len(stream), false)); err != nil {
			return err
		}
		return t.update([]domain.RunID{run}, func(tx store.Tx) error {
			return tx.SetQuarantine(run, &store.Quarantine{Code: store.MissingSegment})
		})
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
		r := record(run, stream[:whole])
		r.reading = skipping().Reading()
		stateless, err := r.derived()
		if err != nil {
			return err
		}
		stateless.checkpoint.V.State = ""
		if err := t.write(stateless); err != nil {
			return err
		}
		return p.Apply(t.ctx, segmentOf(run, stream, whole, len(stream), false))
	}},
}

// inTrouble quarantines a run in each of the ways, derives it from its whole
// stream, and sees what do makes of it.
func (t *trial) inTrouble(options store.ProjectorOptions, do func(p *store.Projector, run domain.RunID, stream []byte) error) error {
	strict := jsonl.NewSegments(jsonl.Options{})
	for _, trouble := range troubles {
		run := t.run(string(trouble.code))
		stream := slices.Concat(exampleStreamOfLines(), exampleStreamOfLines(), []byte("{\"at_ms\":x}\n"), exampleStreamOfLines())
		err := t.project(t.store, strict, options, func(p *store.Projector) error {
			if err := trouble.cause(t, p, run, stream); err != nil {
				return err
			}
			if err := t.until(run, func(w store.Waiting) bool { return w.Quarantine != nil && w.Quarantine.Code == trouble.code }); err != nil {
				return err
			}
			r := record(run, stream)
			r.reading = skipping().Reading()
			if _, err := store.Rebuild(t.ctx, t.store, recordings{r}, store.Options{Force: true}); err != nil {
				return err
			}
			return do(p, run, stream)
		})
		if err != nil {
			return fmt.Errorf("%s: %w", trouble.code, err)
		}
	}
	return nil
}

func derivedAndRetried(t *trial) error {
	return t.inTrouble(hasty, func(p *store.Projector, run domain.RunID, stream []byte) error {
		if err := p.Retry(t.ctx, run); err != nil {
			return err
		}
		if err := t.noneWaits(); err != nil {
			return err
		}
		return t.derivedFrom(run, stream)
	})
}

func derivedAndSwept(t *trial) error {
	options := hasty
	options.GapTimeout = 40 * time.Millisecond
	return t.inTrouble(options, func(_ *store.Projector, run domain.RunID, stream []byte) error {
		for t.noneWaits() != nil {
			select {
			case <-t.ctx.Done():
				return fmt.Errorf("the quarantine stays: %w", t.noneWaits())
			case <-time.After(5 * time.Millisecond):
			}
		}
		return t.derivedFrom(run, stream)
	})
}

func derivedAndContinued(t *trial) error {
	return t.inTrouble(hasty, func(p *store.Projector, run domain.RunID, stream []byte) error {
		more := append(stream, "{\"at_ms\":9,\"type\":\"other\"}\n"...)
		if err := p.Apply(t.ctx, segmentOf(run, more, len(stream), len(more), false)); err != nil {
			return err
		}
		if err := t.noneWaits(); err != nil {
			return err
		}
		return t.derivedFrom(run, more)
	})
}

// droppedElsewhere has another projector drop what is held of a run which the
// first one knows to be quarantined.
func droppedElsewhere(t *trial) error {
	run, stream := t.run("a"), exampleStreamOfLines()
	bad := append(stream[:len(stream):len(stream)], "{\"at_ms\":x}\n"...)
	strict := jsonl.NewSegments(jsonl.Options{})
	return t.project(t.store, strict, hasty, func(p *store.Projector) error {
		if err := t.deliver(p, t.segments(run, bad)); err != nil {
			return err
		}
		if err := t.until(run, func(w store.Waiting) bool { return w.Quarantine != nil }); err != nil {
			return err
		}
		err := t.project(t.store, skipping(), hasty, func(other *store.Projector) error { return other.Drop(t.ctx, run) })
		if err != nil {
			return err
		}
		more := append(stream, "{\"at_ms\":9,\"type\":\"other\"}\n"...)
		if err := p.Apply(t.ctx, segmentOf(run, more, len(stream), len(more), false)); err != nil {
			return err
		}
		if err := t.noneWaits(); err != nil {
			return err
		}
		return t.derivedFrom(run, more)
	})
}

func prunedHeld(t *trial) error {
	kept, gone, early := t.run("kept"), t.run("gone"), t.run("early")
	mine, stream := &fenced{t.store, t.prefix}, longStream(1)
	all := recordings{record(kept, stream), record(gone, stream)}
	if _, err := store.Rebuild(t.ctx, mine, all, store.Options{}); err != nil {
		return err
	}
	for _, run := range t.runs {
		err := t.update([]domain.RunID{run}, func(tx store.Tx) error {
			return errors.Join(
				tx.Park([]domain.Segment{{Run: run, Offset: math.MaxInt32, Data: []byte("\n")}}),
				tx.SetQuarantine(run, &store.Quarantine{Code: store.MalformedSegment}))
		})
		if err != nil {
			return err
		}
	}
	for _, options := range []store.Options{{Prune: true, DryRun: true}, {Prune: true}} {
		if _, err := store.Rebuild(t.ctx, mine, all[:1], options); err != nil {
			return err
		}
		waiting, err := t.store.Waiting(t.ctx, t.runs...)
		if err != nil {
			return err
		}
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
			return fmt.Errorf("%v wait, not %v", runs, want)
		}
	}
	return t.agree(all[0])
}
