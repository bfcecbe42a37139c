package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// Laws about programs that have other projections, or other versions of them.
var setLaws = []law{
	property("a program with fewer projections leaves the tables that it does not know", fewerProjections),
	property("a program with more projections fills just what is missing", moreProjections),
	property("segments do not continue a run that lacks a projection", lackingSegments),
	property("programs with different projections do not disturb each other", othersProjections),
	example("a store that a newer program has written is left alone", newerProjections),
}

// fewer has some of the projections of [Set], and other has others of them.
var fewer, other = setOf(marks, turns), setOf(everyTypes, marks, retries)

// with returns the trial of a program that has another set of projections.
func (t *trial) with(set *projections.Set) *trial {
	with := *t
	with.store, with.of = t.as(set), set.Stored()
	return &with
}

// unknownTo returns the tables of the trial that another one does not have.
func (t *trial) unknownTo(few *trial) []definition {
	return slices.DeleteFunc(slices.Clone(t.of), func(of definition) bool { return slices.Contains(few.of, of) })
}

// aligned returns a stream's reading as that of segments.
func aligned(run domain.RunID, data []byte) *recording {
	r := record(run, data)
	r.reading, r.name = skipping().Reading(), segmentSource
	return r
}

// takes takes in a stream in one of the ways that there are.
func (t *trial) takes(r *recording, before []byte) error {
	switch pick(t, "way", "ingest", "rebuild", "force", "segments") {
	case "ingest":
		_, err := store.Ingest(t.ctx, t.store, r, store.Options{})
		return err
	case "rebuild":
		return t.rebuild(r, store.Options{})
	case "force":
		return t.rebuild(r, store.Options{Force: true})
	}
	if !strings.HasPrefix(string(r.bytes()), string(before)) || len(r.bytes()) == len(before) {
		return t.rebuild(r, store.Options{}) // for which there are no segments
	}
	return t.project(t.store, skipping(), hasty, func(p *store.Projector) error {
		return t.deliver(p, t.segments(r.run, r.bytes()))
	})
}

func fewerProjections(t *trial) error {
	few := t.with(fewer)
	r := aligned(t.run("a"), t.stream("stream"))
	if err := t.takes(r, nil); err != nil {
		return err
	}
	before, err := t.read(r.run)
	if err != nil {
		return err
	}
	if err := few.finds(recordings{r}); err != nil { // in what it knows
		return err
	}
	was := r.bytes()
	if t.flip("changes") {
		r.is(t.otherThan(was))
	}
	if err := few.takes(r, was); err != nil {
		return err
	}
	now, err := t.read(r.run)
	if err != nil {
		return err
	}
	for _, of := range t.unknownTo(few) {
		if err := rowsDiffer(of, now.of(of), before.of(of)); err != nil {
			return fmt.Errorf("%s, which the program does not know: %w", of.Table, err)
		}
	}
	if now.checkpoint != before.checkpoint { // else there was nothing to do
		if err := few.agree(r); err != nil {
			return err
		}
	}
	if err := few.finds(recordings{r}); err != nil {
		return err
	}
	if t.flip("prune") {
		mine := &fenced{few.store, t.prefix}
		if _, err := store.IngestAll(t.ctx, mine, recordings{aligned(t.run("b"), nil)}, store.Options{Prune: true}); err != nil {
			return err
		}
		if err := few.holds(nothing(r.run)); err != nil {
			return err
		}
	}
	if err := t.rebuild(r, store.Options{}); err != nil {
		return err
	}
	return errors.Join(t.agree(r), t.finds(recordings{r}))
}

func moreProjections(t *trial) error {
	few := t.with(fewer)
	all, _ := t.versions(3)
	for _, r := range all {
		r.reading, r.name = skipping().Reading(), segmentSource
		if err := few.takes(r, nil); err != nil {
			return err
		}
	}
	if err := few.agree(all...); err != nil {
		return err
	}
	outdated, err := t.paged(1+t.upTo(2, "page"), t.store.Outdated)
	if err != nil {
		return err
	}
	if runs := idsOfAll(all); !slices.Equal(outdated, runs) {
		return fmt.Errorf("store.Outdated returns %s, not %s", show(outdated), show(runs))
	}
	counting := &faulty{Store: t.store}
	summary, err := store.Rebuild(t.ctx, counting, all, store.Options{})
	if err != nil {
		return err
	}
	if summary.Runs[store.Derived] != len(all) || len(summary.Outdated) > 0 {
		return fmt.Errorf("store.Rebuild counts %v, and leaves %s outdated", summary.Runs, show(summary.Outdated))
	}
	for _, of := range few.of {
		if counting.rows[of] > 0 {
			return fmt.Errorf("%d rows of %s were written again", counting.rows[of], of.Table)
		}
	}
	if err := errors.Join(t.agree(all...), t.finds(all)); err != nil {
		return err
	}
	return t.rebuiltAlready(all)
}

func idsOfAll(all recordings) (runs []domain.RunID) {
	for _, r := range all {
		runs = append(runs, r.run)
	}
	return runs
}

// lackingSegments has a run that lacks a projection come on as segments: it is quarantined
// until it is derived.
func lackingSegments(t *trial) error {
	few := t.with(fewer)
	stream := t.stream("stream")
	r := aligned(t.run("a"), t.prefixOf(stream))
	if wholeLines(r.bytes()) == 0 || len(r.bytes()) == len(stream) {
		return nil
	}
	if err := few.takes(r, nil); err != nil {
		return err
	}
	return t.project(t.store, skipping(), hasty, func(p *store.Projector) error {
		if err := t.deliver(p, t.segments(r.run, stream)); err != nil {
			return err
		}
		waiting, err := t.store.Waiting(t.ctx, r.run)
		if err != nil {
			return err
		}
		if len(waiting) != 1 || waiting[0].Quarantine == nil || waiting[0].Quarantine.Code != store.CannotGoOn {
			return fmt.Errorf("the run is not quarantined: %+v", waiting)
		}
		if err := few.agree(r); err != nil {
			return err
		}
		if err := t.rebuild(r, store.Options{}); err != nil {
			return err
		}
		if err := p.Retry(t.ctx, r.run); err != nil {
			return err
		}
		return t.asOneFold(r.run, stream, segmentSource)
	})
}

// othersProjections has programs with different projections take in a stream by turns.
func othersProjections(t *trial) error {
	r := aligned(t.run("a"), nil)
	programs := []*trial{t, t.with(fewer), t.with(other)}
	for range 1 + t.upTo(4, "turns") {
		if t.flip("changes") {
			r.is(t.otherThan(r.bytes()))
		}
		program := programs[t.upTo(len(programs)-1, "program")]
		if err := program.rebuild(r, store.Options{}); err != nil {
			return err
		}
		if err := program.finds(recordings{r}); err != nil {
			return err
		}
		got, err := program.read(r.run)
		if err != nil {
			return err
		}
		want, err := r.derivedOf(program.of)
		if err != nil {
			return err
		}
		want.checkpoint.V.Projections = got.checkpoint.V.Projections // which may be more
		if err := got.differs(want); err != nil {
			return err
		}
		if lacking, err := projections.Missing(program.of, projections.Versions(got.checkpoint.V.Projections)); err != nil || len(lacking) > 0 {
			return fmt.Errorf("the checkpoint says that the rows are of %s: %w", got.checkpoint.V.Projections, err)
		}
	}
	return nil
}

// newerProjections has a program with a newer version of a projection write a store of the
// older one.
func newerProjections(t *trial) error {
	name := t.unique()
	versioned := func(version int) *trial {
		return t.with(setOf(declare(reducer[int, retry]{}, projections.Declaration[retry]{Name: name, Version: version, Key: []string{"cmd"}})))
	}
	was, now := versioned(1), versioned(2)
	a, b, stream := aligned(t.run("a"), nil), aligned(t.run("b"), longStream(1)), longStream(3)
	a.is(stream[:wholeLines(stream[:len(stream)/2])])
	if err := was.rebuild(a, store.Options{}); err != nil {
		return err
	}
	if err := was.agree(a); err != nil {
		return err
	}
	half := len(a.bytes())
	err := t.project(now.store, skipping(), hasty, func(p *store.Projector) error {
		err := p.Apply(t.ctx, segmentOf(a.run, stream, half, len(stream), false))
		return errors.Join(err, t.until(a.run, func(w store.Waiting) bool {
			return w.Quarantine != nil && w.Quarantine.Code == store.CannotGoOn
		}), p.Drop(t.ctx, a.run))
	})
	if err != nil {
		return err
	}
	if err := errors.Join(was.agree(a), now.rebuild(a, store.Options{}), now.agree(a), now.finds(recordings{a})); err != nil {
		return err
	}
	if err := was.rebuild(a, store.Options{}); !isNewer(err, name) {
		return fmt.Errorf("a rebuild of a run that is newer returns %w", err)
	}
	before := aligned(a.run, a.bytes())
	a.is(stream)
	mine := &fenced{was.store, t.prefix}
	_, ingested := store.Ingest(t.ctx, was.store, b, store.Options{})
	_, grown := store.Ingest(t.ctx, was.store, a, store.Options{})
	_, pruned := store.IngestAll(t.ctx, mine, recordings{&recording{run: t.run("c"), malformed: a.malformed}}, store.Options{Prune: true})
	var verified error
	_ = store.Verify(t.ctx, was.store, recordings{a}, store.VerifyOptions{Done: func(v store.Verified) { verified = v.Err }})
	err = t.project(was.store, skipping(), hasty, func(p *store.Projector) error {
		for what, err := range map[string]error{
			"ingest": ingested, "ingest of a run that has grown": grown, "rebuild": was.rebuild(b, store.Options{}),
			"rebuild of a run that has grown": was.rebuild(a, store.Options{Force: true}), "prune": pruned, "verify": verified,
			"segment":                 p.Apply(t.ctx, segmentOf(b.run, stream, 0, half, false)),
			"segment behind the rows": p.Apply(t.ctx, segmentOf(a.run, stream, half, len(stream), false)),
			"segment that waits":      p.Apply(t.ctx, segmentOf(b.run, stream, half, len(stream), false)),
		} {
			if !isNewer(err, name) {
				return fmt.Errorf("%s returns %w", what, err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := errors.Join(now.agree(before), now.holds(nothing(b.run)), t.noneWaits()); err != nil {
		return err
	}
	return errors.Join(now.rebuild(a, store.Options{}), now.agree(a))
}

func isNewer(err error, name string) bool {
	var newer *projections.NewerError
	return errors.As(err, &newer) && newer.Name == name && newer.Stored == 2 && newer.Known == 1
}

// unique returns a name of a projection that nobody else has.
func (t *trial) unique() string {
	return strings.ReplaceAll(strings.ToLower(t.prefix), "-", "_") + "x"
}
