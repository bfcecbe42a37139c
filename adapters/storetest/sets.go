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
	r.reading, r.name = skipping().ReadOptions(), segmentSource
	return r
}

// takes takes in a stream in one of the ways that there are.
func (t *trial) takes(r *recording, before []byte) {
	switch pick(t, "way", "ingest", "rebuild", "force", "segments") {
	case "ingest":
		_, err := store.Ingest(t.ctx, t.store, r, store.Options{})
		must(err)
		return
	case "rebuild":
		must(t.rebuild(r, store.Options{}))
		return
	case "force":
		must(t.rebuild(r, store.Options{Force: true}))
		return
	}
	if !strings.HasPrefix(string(r.bytes()), string(before)) || len(r.bytes()) == len(before) {
		must(t.rebuild(r, store.Options{}))
		return // for which there are no segments
	}
	t.project(t.store, skipping(), hasty, func(p *store.Projector) {
		must(t.deliver(p, t.segments(r.run, r.bytes())))
	})
}

func fewerProjections(t *trial) {
	few := t.with(fewer)
	r := aligned(t.run("a"), t.stream("stream"))
	t.takes(r, nil)
	before, err := t.read(r.run)
	must(err)
	must(few.finds(recordings{r}))
	was := r.bytes()
	if t.flip("changes") {
		r.is(t.otherThan(was))
	}
	few.takes(r, was)
	now := value(t.read(r.run))
	for _, of := range t.unknownTo(few) {
		must(wrap(fmt.Sprintf("%s, which the program does not know", of.Table), rowsDiffer(of, now.of(of), before.of(of))))
	}
	if now.checkpoint != before.checkpoint { // else there was nothing to do
		must(few.agree(r))
	}
	must(few.finds(recordings{r}))
	if t.flip("prune") {
		mine := &fenced{few.store, t.prefix}
		value(store.IngestAll(t.ctx, mine, recordings{aligned(t.run("b"), nil)}, store.Options{Prune: true}))
		must(few.holds(nothing(r.run)))
	}
	must(t.rebuild(r, store.Options{}))
	must(errors.Join(t.agree(r), t.finds(recordings{r})))
}

func moreProjections(t *trial) {
	few := t.with(fewer)
	all, _ := t.versions(3)
	for _, r := range all {
		r.reading, r.name = skipping().ReadOptions(), segmentSource
		few.takes(r, nil)
	}
	must(few.agree(all...))
	outdated := t.paged(1+t.upTo(2, "page"), t.store.Outdated)
	if runs := idsOfAll(all); !slices.Equal(outdated, runs) {
		failf("store.Outdated returns %s, not %s", show(outdated), show(runs))
	}
	counting := &faulty{Store: t.store}
	summary := value(store.Rebuild(t.ctx, counting, all, store.Options{}))
	failIf(summary.Runs[store.Derived] != len(all) || len(summary.Outdated) > 0, "store.Rebuild counts %v, and leaves %s outdated", summary.Runs, show(summary.Outdated))
	for _, of := range few.of {
		failIf(counting.rows[of] > 0, "%d rows of %s were written again", counting.rows[of], of.Table)
	}
	must(errors.Join(t.agree(all...), t.finds(all)))
	t.rebuiltAlready(all)
}

func idsOfAll(all recordings) (runs []domain.RunID) {
	for _, r := range all {
		runs = append(runs, r.run)
	}
	return runs
}

// lackingSegments has a run that lacks a projection come on as segments: it is quarantined
// until it is derived.
func lackingSegments(t *trial) {
	few := t.with(fewer)
	stream := t.stream("stream")
	r := aligned(t.run("a"), t.prefixOf(stream))
	if wholeLines(r.bytes()) == 0 || len(r.bytes()) == len(stream) {
		return
	}
	few.takes(r, nil)
	t.project(t.store, skipping(), hasty, func(p *store.Projector) {
		must(t.deliver(p, t.segments(r.run, stream)))
		waiting := value(t.store.Waiting(t.ctx, r.run))
		failIf(len(waiting) != 1 || waiting[0].Quarantine == nil || waiting[0].Quarantine.Code != store.CannotGoOn, "the run is not quarantined: %+v", waiting)
		must(few.agree(r))
		must(t.rebuild(r, store.Options{}))
		must(p.Retry(t.ctx, r.run))
		t.asOneFold(r.run, stream, segmentSource)
	})
}

// othersProjections has programs with different projections take in a stream by turns.
func othersProjections(t *trial) {
	r := aligned(t.run("a"), nil)
	programs := []*trial{t, t.with(fewer), t.with(other)}
	for range 1 + t.upTo(4, "turns") {
		if t.flip("changes") {
			r.is(t.otherThan(r.bytes()))
		}
		program := programs[t.upTo(len(programs)-1, "program")]
		must(program.rebuild(r, store.Options{}))
		must(program.finds(recordings{r}))
		got, err := program.read(r.run)
		must(err)
		want := r.derivedOf(program.of)
		want.checkpoint.V.Projections = got.checkpoint.V.Projections // which may be more
		must(got.differs(want))
		if lacking, err := projections.Missing(program.of, projections.Versions(got.checkpoint.V.Projections)); err != nil || len(lacking) > 0 {
			failf("the checkpoint says that the rows are of %s: %w", got.checkpoint.V.Projections, err)
		}
	}
}

// newerProjections has a program with a newer version of a projection write a store of the
// older one.
func newerProjections(t *trial) {
	name := t.unique()
	versioned := func(version int) *trial {
		return t.with(setOf(declare(reducer[int, retry]{}, projections.Declaration[retry]{Name: name, Version: version, Key: []string{"cmd"}})))
	}
	was, now := versioned(1), versioned(2)
	a, b, stream := aligned(t.run("a"), nil), aligned(t.run("b"), longStream(1)), longStream(3)
	a.is(stream[:wholeLines(stream[:len(stream)/2])])
	must(was.rebuild(a, store.Options{}))
	must(was.agree(a))
	half := len(a.bytes())
	t.project(now.store, skipping(), hasty, func(p *store.Projector) {
		must(errors.Join(p.Apply(t.ctx, segmentOf(a.run, stream, half, len(stream), false)), t.until(a.run, func(w store.Waiting) bool {
			return w.Quarantine != nil && w.Quarantine.Code == store.CannotGoOn
		}), p.Drop(t.ctx, a.run)))
	})
	must(errors.Join(was.agree(a), now.rebuild(a, store.Options{}), now.agree(a), now.finds(recordings{a})))
	if err := was.rebuild(a, store.Options{}); !isNewer(err, name) {
		failf("a rebuild of a run that is newer returns %w", err)
	}
	before := aligned(a.run, a.bytes())
	a.is(stream)
	mine := &fenced{was.store, t.prefix}
	_, ingested := store.Ingest(t.ctx, was.store, b, store.Options{})
	_, grown := store.Ingest(t.ctx, was.store, a, store.Options{})
	_, pruned := store.IngestAll(t.ctx, mine, recordings{&recording{run: t.run("c"), malformed: a.malformed}}, store.Options{Prune: true})
	var verified error
	_ = store.Verify(t.ctx, was.store, recordings{a}, store.VerifyOptions{Done: func(v store.Verified) { verified = v.Err }})
	t.project(was.store, skipping(), hasty, func(p *store.Projector) {
		for what, err := range map[string]error{
			"ingest": ingested, "ingest of a run that has grown": grown, "rebuild": was.rebuild(b, store.Options{}),
			"rebuild of a run that has grown": was.rebuild(a, store.Options{Force: true}), "prune": pruned, "verify": verified,
			"segment":                 p.Apply(t.ctx, segmentOf(b.run, stream, 0, half, false)),
			"segment behind the rows": p.Apply(t.ctx, segmentOf(a.run, stream, half, len(stream), false)),
			"segment that waits":      p.Apply(t.ctx, segmentOf(b.run, stream, half, len(stream), false)),
		} {
			failIf(!isNewer(err, name), "%s returns %w", what, err)
		}
	})
	must(errors.Join(now.agree(before), now.holds(nothing(b.run)), t.noneWaits()))
	must(errors.Join(now.rebuild(a, store.Options{}), now.agree(a)))
}

func isNewer(err error, name string) bool {
	var newer *projections.NewerError
	return errors.As(err, &newer) && newer.Name == name && newer.Stored == 2 && newer.Known == 1
}

// unique returns a name of a projection that nobody else has.
func (t *trial) unique() string {
	return strings.ReplaceAll(strings.ToLower(t.prefix), "-", "_") + "x"
}
