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
const otherPrograms = "programs with different projections do not change tables that they do not know"

var setLaws = []law{
	property("a program with more projections writes only what is missing", moreProjections),
	property("segments do not continue a run that lacks a projection", lackingSegments),
	rarely(otherPrograms, othersProjections),
	example("only a rebuild changes a store of another version, and only an older one", otherVersion),
	property("a run with another version than its store is derived again", otherVersionOfRun),
}

// fewer has some of the projections of [Set], and other has a different selection.
var fewer, other = setOf(marks, turns), setOf(everyTypes, marks, retries)

// with returns a trial of a program with another set of projections.
func (t *trial) with(set *projections.Set) *trial {
	with := *t
	with.store, with.of = t.as(set), set.Stored()
	return &with
}

// unknownTo returns the tables that the other trial does not have.
func (t *trial) unknownTo(few *trial) []definition {
	return slices.DeleteFunc(slices.Clone(t.of), func(of definition) bool { return slices.Contains(few.of, of) })
}

// aligned returns a recording that is read with the same options as segments.
func aligned(run domain.RunID, data []byte) *recording {
	r := record(run, data)
	r.reading, r.name = skipping().ReadOptions(), segmentSource
	return r
}

// takes ingests a stream in one of the possible ways.
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
		return // there are no segments
	}
	t.project(t.store, skipping(), hasty, func(p *store.Projector) {
		must(t.deliver(p, t.segments(r.run, r.bytes())))
	})
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

// lackingSegments continues a run that lacks a projection with segments: it must be quarantined
// until it is derived.
func lackingSegments(t *trial) {
	few := t.with(fewer)
	stream := t.stream("stream")
	r := aligned(t.run("a"), t.prefixOf(stream))
	if wholeLines(r.bytes()) == 0 || len(r.bytes()) == len(stream) {
		return
	}
	few.takes(r, nil)
	t.lacking(r, stream, func() error { return few.agree(r) })
}

// lacking continues a run whose rows are of other projections with segments, together with another
// run. The rows must stay until they are derived.
func (t *trial) lacking(r *recording, stream []byte, stays func() error) {
	other := aligned(t.run("other"), stream)
	t.project(t.store, skipping(), hasty, func(p *store.Projector) {
		must(t.deliver(p, slices.Concat(t.segments(r.run, stream), t.segments(other.run, stream))))
		waiting := value(t.store.Waiting(t.ctx, r.run))
		failIf(len(waiting) != 1 || waiting[0].Quarantine == nil || waiting[0].Quarantine.Code != store.NotResumable, "the run is not quarantined: %+v", waiting)
		must(errors.Join(stays(), t.agree(other)))
		must(t.rebuild(r, store.Options{}))
		must(p.Retry(t.ctx, r.run))
		t.asOneFold(r.run, stream, segmentSource)
	})
}

// othersProjections takes a stream with programs that have different projections, in turn. One that has
// them all must then find what to do, and any of them can prune the run.
func othersProjections(t *trial) {
	r, was := aligned(t.run("a"), nil), []byte(nil)
	programs := []*trial{t, t.with(fewer), t.with(other)}
	for range 1 + t.upTo(4, "turns") {
		if t.flip("changes") {
			r.is(t.otherThan(r.bytes()))
		}
		program := pick(t, "program", programs...)
		before := value(t.read(r.run))
		if len(projections.Missing(program.of, projections.Versions(before.checkpoint.V.Projections))) > 0 {
			was = r.bytes() // so that no segments come, which would wait
		}
		program.takes(r, was)
		must(program.finds(recordings{r}))
		was = r.bytes()
		now := value(t.read(r.run))
		for _, of := range t.unknownTo(program) {
			must(wrap(fmt.Sprintf("%s, which the program does not know", of.Table), rowsDiffer(of, now.of(of), before.of(of))))
		}
		versions := now.checkpoint.V.Projections // it may have more
		want := r.derivedOf(program.of)
		want.checkpoint.V.Projections = versions
		must(program.holds(want))
		failIf(len(projections.Missing(program.of, projections.Versions(versions))) > 0, "the checkpoint says that the rows are of %s", versions)
	}
	if t.flip("prune") {
		program := pick(t, "program", programs...)
		mine := &fenced{program.store, t.prefix}
		value(store.IngestAll(t.ctx, mine, recordings{aligned(t.run("b"), nil)}, store.Options{Prune: true}))
		must(program.holds(nothing(r.run)))
	}
	must(t.rebuild(r, store.Options{}))
	must(errors.Join(t.agree(r), t.finds(recordings{r})))
}

// otherVersion writes with programs of two versions: to a store of the older version and, after a
// rebuild, of the newer one.
func otherVersion(t *trial) {
	name := t.unique()
	was, now := t.with(versionOf(name, 1)), t.with(versionOf(name, 2))
	a, stream := aligned(t.run("a"), nil), longStream(3)
	a.is(stream[:wholeLines(stream[:len(stream)/2])])
	must(was.rebuild(a, store.Options{}))
	now.isRefused(a, stream, func(err error) bool {
		var older *projections.OlderError
		return errors.As(err, &older) && *older == projections.OlderError{Name: name, Stored: 1, Known: 2}
	})
	must(errors.Join(was.agree(a), was.finds(recordings{a}), now.rebuild(a, store.Options{}), now.agree(a), now.finds(recordings{a})))
	newer := func(err error) bool {
		var newer *projections.NewerError
		return errors.As(err, &newer) && *newer == projections.NewerError{Name: name, Stored: 2, Known: 1}
	}
	was.isRefused(a, stream, newer)
	_, verified := was.verify(was.store, a)
	for what, err := range map[string]error{"rebuild": was.rebuild(a, store.Options{}), "forced rebuild": was.rebuild(a, store.Options{Force: true}), "verify": verified} {
		failIf(!errors.Is(err, store.ErrOtherVersion) || !newer(err), "%s returns %w", what, err)
	}
	must(errors.Join(now.agree(a), t.noneWaits()))
	a.is(stream)
	must(errors.Join(now.ingests(a, store.Options{}, store.Continued), now.agree(a)))
}

// versionOf returns a set with one projection in a version.
func versionOf(name string, version int) *projections.Set {
	return setOf(declare(reducer[int, retry]{}, projections.Declaration[retry]{Name: name, Version: version, Key: []string{"cmd"}}))
}

// isRefused writes in every way to a store of another version, which has a part of the stream as
// the run a, and checks that each write is refused.
func (t *trial) isRefused(a *recording, stream []byte, because func(error) bool) {
	half := len(a.bytes())
	grown, b := aligned(a.run, stream), aligned(t.run("b"), stream[:half])
	before := value(t.read(a.run))
	mine := &fenced{t.store, t.prefix}
	_, ingested := store.Ingest(t.ctx, t.store, b, store.Options{})
	_, derived := store.Ingest(t.ctx, t.store, a, store.Options{Force: true})
	_, continued := store.Ingest(t.ctx, t.store, grown, store.Options{})
	_, all := store.IngestAll(t.ctx, t.store, recordings{a, b}, store.Options{})
	_, pruned := store.IngestAll(t.ctx, mine, recordings{b}, store.Options{Prune: true})
	t.project(t.store, skipping(), hasty, func(p *store.Projector) {
		for what, err := range map[string]error{
			"ingest": ingested, "forced ingest": derived, "ingest of a run that has grown": continued, "ingest of all": all, "prune": pruned,
			"segment":                 p.Apply(t.ctx, segmentOf(b.run, stream, 0, half, false)),
			"segment behind the rows": p.Apply(t.ctx, segmentOf(a.run, stream, half, len(stream), false)),
			"segment that waits":      p.Apply(t.ctx, segmentOf(b.run, stream, half, len(stream), false)),
		} {
			failIf(!errors.Is(err, store.ErrOtherVersion) || !because(err), "%s returns %w", what, err)
		}
	})
	must(errors.Join(t.holds(before, nothing(b.run)), t.noneWaits()))
}

// versions are sets with several versions of one projection.
var versions = []*projections.Set{versionOf("versioned", 1), versionOf("versioned", 2), versionOf("versioned", 3)}

// otherVersionOfRun has a run of an older or newer version than the store's, as after a rebuild
// that could not derive it.
func otherVersionOfRun(t *trial) {
	was, now := t.with(pick(t, "version", versions[0], versions[2])), t.with(versions[1])
	stream := t.stream("stream")
	a, b := aligned(t.run("a"), t.prefixOf(stream)), aligned(t.run("b"), nil)
	must(now.rebuild(b, store.Options{}))
	carried := a.derivedOf(was.of)
	carried.checkpoint.V.State = ""
	must(was.write(carried))
	outdated := now.paged(1, now.store.Outdated)
	failIf(!slices.Equal(outdated, []domain.RunID{a.run}), "store.Outdated returns %s", show(outdated))
	must(now.finds(recordings{a, b}, store.Difference{Kind: store.Differs, RunID: a.run, Table: "checkpoints", Column: "projections"}))
	must(errors.Join(now.others(a.run), was.others(a.run)))
	before := a.bytes()
	if t.flip("segments") && wholeLines(before) > 0 && len(before) < len(stream) {
		now.lacking(a, stream, func() error { return was.holds(carried) })
		return
	}
	if t.flip("changes") {
		a.is(t.otherThan(before))
	}
	now.takes(a, a.bytes()) // segments cannot do it
	must(errors.Join(now.agree(a, b), now.finds(recordings{a, b})))
	failIf(len(now.paged(1, now.store.Outdated)) > 0, "the run is still outdated")
	must(errors.Join(now.others(), was.others()))
}

// others returns an error if store.OtherVersions differs, for this trial's runs.
func (t *trial) others(want ...domain.RunID) error {
	var got []domain.RunID
	err := store.OtherVersions(t.ctx, t.store, func(run domain.RunID, versions map[string]int) {
		if strings.HasPrefix(string(run), t.prefix) {
			got = append(got, run)
		}
		failIf(versions["versioned"] == 2, "store.OtherVersions calls the version of the store another one")
	})
	if err == nil && !slices.Equal(got, want) {
		err = fmt.Errorf("store.OtherVersions finds %s, not %s", show(got), show(want))
	}
	return err
}

// unique returns a unique name for a projection.
func (t *trial) unique() string {
	return strings.ReplaceAll(strings.ToLower(t.prefix), "-", "_") + "x"
}
