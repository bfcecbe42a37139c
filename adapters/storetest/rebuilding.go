package storetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

const anyPruning = "a rebuild with Prune removes the runs without a stream, and what waits for them"

var rebuildLaws = []law{
	rarely("a rebuild gives the rows of all streams that can be read", rebuilt),
	property(anyPruning, pruned),
	property("runs are pruned by their age and their number, the oldest first", prunedByAge),
	example("of two streams of one run, the first is used", twoOfOneRun),
	example("many short runs share a transaction", manyShortRuns),
	example("no reader misses a run while it is rebuilt", readersDuringRebuild),
}

// rebuilt rebuilds runs. Some of them are stored, some of these in another version, and some streams
// have a malformed line, which is not skipped.
func rebuilt(t *trial) {
	all, before := t.versions(5)
	want, failed := map[store.Outcome]int{}, map[store.Outcome]int{}
	var sound recordings
	var stay []*content
	for i, r := range before {
		var stored []byte
		switch pick(t, "stored", "no", "same", "other") {
		case "same":
			r.is(all[i].bytes())
			fallthrough
		case "other":
			t.ingest(r, nil)
			stored = append([]byte{}, r.bytes()...)
		}
		outcomes := outcomesOf(stored, all[i].bytes())
		if t.upTo(3, "unreadable") == 3 {
			all[i].malformed, outcomes = jsonl.Stop, []store.Outcome{store.Skipped}
			all[i].is(slices.Concat(all[i].bytes(), []byte("\nmalformed\n")))
			if stay = append(stay, nothing(r.run)); stored != nil {
				stay[len(stay)-1] = r.derived()
			}
		} else {
			sound = append(sound, all[i])
		}
		if len(outcomes) == 1 {
			want[outcomes[0]]++
		}
	}
	summary := value(store.Rebuild(t.ctx, t.store, all, store.Options{Done: func(result store.Result) {
		if result.Err != nil {
			failed[result.Outcome]++
		}
	}}))
	for outcome, runs := range want {
		failIf(summary.Runs[outcome] < runs, "store.Rebuild counts %v, where %d are %s", summary.Runs, runs, outcome)
	}
	failIf(summary.Runs[store.Skipped] != len(stay) || failed[store.Skipped] != len(stay), "store.Rebuild counts %v, with the errors %v, where %d streams cannot be read", summary.Runs, failed, len(stay))
	must(errors.Join(t.agree(sound...), t.holds(stay...)))
	t.rebuiltAlready(sound)
}

// rebuiltAlready checks that another rebuild changes nothing.
func (t *trial) rebuiltAlready(all recordings) {
	counting := &faulty{Store: t.store}
	summary := value(store.Rebuild(t.ctx, counting, all, store.Options{}))
	failIf(summary.Runs[store.Unchanged] != len(all) || counting.updates.Load() > 0, "store.Rebuild of what is up to date counts %v, with %d transactions", summary.Runs, counting.updates.Load())
	must(t.agree(all...))
}

// pruned prunes only a part of the store, because other laws use the rest. All runs wait; one has no
// rows, and cannot be pruned.
func pruned(t *trial) {
	all, _ := t.versions(3)
	mine := &fenced{t.store, t.prefix}
	value(store.Rebuild(t.ctx, mine, all, store.Options{}))
	gone := t.content(t.run("gone"))
	gone.checkpoint.Valid = t.flip("with a checkpoint")
	must(t.write(gone))
	early := t.run("early")
	must(t.update(t.runs, func(tx store.Tx) {
		for _, run := range t.runs {
			must(errors.Join(tx.Park([]domain.Segment{{Run: run, Offset: math.MaxInt32, Data: []byte("\n")}}), tx.SetQuarantine(run, &store.Quarantine{Code: store.MalformedSegment})))
		}
	}))
	kept := all[:1+t.upTo(len(all)-1, "kept")]
	for _, options := range []store.Options{{}, {Prune: true, DryRun: true}, {Prune: true}} {
		summary := value(store.Rebuild(t.ctx, mine, kept, options))
		if !options.Prune || options.DryRun {
			must(errors.Join(t.holds(gone), t.agree(all...), t.wait(t.runs...)))
		}
		want := 1 + len(all) - len(kept)
		failIf(options.Prune && summary.Runs[store.Pruned] != want, "store.Rebuild counts %v, where %d runs have no stream", summary.Runs, want)
	}
	for _, r := range all[len(kept):] {
		must(t.holds(nothing(r.run)))
	}
	must(errors.Join(t.holds(nothing(gone.id)), t.agree(kept...), t.wait(append(idsOf(kept.derived()), early)...)))
}

// fenced is the part of a store whose ids begin with a prefix.
type fenced struct {
	store.Store
	prefix string
}

func (f *fenced) RunIDs(ctx context.Context, after domain.RunID, limit int) ([]domain.RunID, error) {
	ids, err := f.Store.RunIDs(ctx, max(after, domain.RunID(strings.TrimSuffix(f.prefix, "-"))), limit)
	return slices.DeleteFunc(ids, func(id domain.RunID) bool { return !strings.HasPrefix(string(id), f.prefix) }), err
}

func (f *fenced) Runs(ctx context.Context, page store.Page) ([]store.Listed, error) {
	page.Text = f.prefix
	return f.Store.Runs(ctx, page)
}

// twoOfOneRun rebuilds with two streams of one run. Before, nothing was stored, or the first one,
// the second one, or the first one at another path. The first stream must be used.
func twoOfOneRun(t *trial) {
	first, second := record(t.run("a"), longStream(2)), record(t.run("a"), longStream(3))
	second.name = "another place"
	moved := record(t.run("a"), longStream(2))
	moved.name = "where it was"
	for _, before := range []recordings{{}, {first}, {second}, {moved}, {moved, first}, {first}} {
		value(store.Rebuild(t.ctx, t.store, before, store.Options{}))
		var refused error
		value(store.Rebuild(t.ctx, t.store, recordings{first, second}, store.Options{Done: func(result store.Result) {
			if result.Source == second.name {
				refused = result.Err
			}
		}}))
		var duplicate *store.DuplicateError
		failIf(!errors.As(refused, &duplicate) || duplicate.Taken != first.name, "store.Rebuild says of the second stream: %v", refused)
		must(t.agree(first))
	}
}

func manyShortRuns(t *trial) {
	var all recordings
	for i := range 270 {
		all = append(all, record(t.run(fmt.Sprintf("%03d", i)), longStream(1)[:200+i]))
	}
	value(store.Rebuild(t.ctx, t.store, all, store.Options{}))
	must(t.agree(all[0], all[255], all[256], all[257], all[269]))
	ids := value(t.store.RunIDs(t.ctx, domain.RunID(strings.TrimSuffix(t.prefix, "-")), len(all)))
	for i, id := range ids {
		failIf(id != all[i].run, "the store has no rows of %s", show(all[i].run))
	}
	t.rebuiltAlready(all)
}

// readersDuringRebuild reads runs while they are rebuilt repeatedly.
func readersDuringRebuild(t *trial) {
	const reads, least, most = 20, 5, 200
	var all recordings
	for i := range 5 {
		all = append(all, record(t.run(fmt.Sprint(i)), exampleStream(i)))
	}
	value(store.Rebuild(t.ctx, t.store, all, store.Options{}))
	var read atomic.Int64
	var over atomic.Bool
	together(2, func(i int) {
		if i == 0 {
			defer over.Store(true)
			for rebuilds := 0; rebuilds < least || rebuilds < most && read.Load() < reads; rebuilds++ {
				value(store.Rebuild(t.ctx, t.store, all, store.Options{Force: true}))
			}
			return
		}
		for !over.Load() {
			read.Add(1)
			must(t.agree(all...))
		}
	})
}

// prunedByAge prunes runs by age and number, and compares the result with the obvious computation.
func prunedByAge(t *trial) {
	mine := &fenced{t.store, t.prefix}
	type aged struct {
		*recording
		first, last int64
	}
	var all []aged // newest first
	for i := range t.upTo(5, "runs") {
		first := int64(t.upTo(9, "first"))
		last := first + int64(t.upTo(9, "to the last"))
		var stream []byte
		for _, at := range []int64{first, last} {
			stream = appendLine(stream, domain.Entry{Event: domain.NewJobStarted(at, "a")})
		}
		all = append(all, aged{record(t.run(fmt.Sprint(i)), stream), first, last})
		t.ingest(all[i].recording, nil)
	}
	slices.SortFunc(all, func(a, b aged) int { return cmp.Or(cmp.Compare(b.first, a.first), cmp.Compare(a.run, b.run)) })
	r := store.Retention{Keep: t.upTo(4, "keep")}
	if r.Keep == 0 || t.flip("older than") {
		r.Before = some(int64(t.upTo(20, "before")))
	}
	var want []domain.RunID
	for i, a := range slices.Backward(all) {
		if i >= r.Keep && (!r.Before.Valid || a.last < r.Before.V) {
			want = append(want, a.run)
		}
	}
	for _, dry := range []bool{true, false} {
		var got []domain.RunID
		options := store.Options{DryRun: dry, Done: func(result store.Result) { got = append(got, result.RunID) }}
		value(store.Prune(t.ctx, mine, r, options))
		failIf(!slices.Equal(got, want), "%+v removes %v instead of %v", r, got, want)
		if dry {
			for _, a := range all {
				must(t.agree(a.recording))
			}
		}
	}
	for _, a := range all {
		if slices.Contains(want, a.run) {
			must(t.holds(nothing(a.run)))
			_, there := value(t.store.Kept(t.ctx, t.runs))[a.run]
			failIf(there, "the stream of %s is still kept", show(a.run))
		} else {
			must(t.agree(a.recording))
		}
	}
}
