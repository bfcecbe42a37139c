package storetest

import (
	"context"
	"errors"
	"fmt"

	"github.com/quire-ci/quire-project/projections/store"
)

const (
	anyCrash  = "an error, a panic or a cancelled context at any call leaves whole runs"
	eachCrash = "an error, a panic or a cancelled context at each call in turn leaves whole runs"
)

var crashLaws = []law{
	rarely(anyCrash, crashes),
	thorough(eachCrash, crashesAtEach),
	property("a rebuild that fails at any call leaves whole runs", rebuildCrashes),
}

// accident is a fault at a call; cancel ends the context.
type accident func(cancel context.CancelFunc) error

var accidents = map[string]accident{
	"error":  func(context.CancelFunc) error { return errInjected },
	"panic":  func(context.CancelFunc) error { panic(errInjected) },
	"cancel": func(cancel context.CancelFunc) error { cancel(); return nil },
}

// crashes interrupts the Ingest of a stream. The store may have another version of that stream.
func crashes(t *trial) {
	const calls = 10 // the most calls of an Ingest
	now := record(t.run("a"), t.stream("stream"))
	after := now.derived()
	before := nothing(now.run)
	if t.flip("stored") {
		stored := record(now.run, t.otherThan(now.bytes())).derived()
		before = stored
	}
	must(t.write(before))
	if t.crash(before, after, now, 1+t.upTo(calls-1, "call"), accidents[pick(t, "accident", "error", "panic", "cancel")]) {
		t.again(after, now)
	}
}

// crashesAtEach injects each accident at each call of an Ingest, for a short stream that is partly
// stored, and for one that is written in batches.
func crashesAtEach(t *trial) {
	for name, stream := range map[string][]byte{"short": longStream(3), "long": longStream(92)} {
		now := record(t.run(name), stream)
		before, after := nothing(now.run), now.derived()
		if name == "short" {
			before = record(now.run, stream[:wholeLines(stream[:len(stream)/3])]).derived()
		}
		for what, accident := range accidents {
			for call, struck := 1, true; struck; call++ {
				must(wrap(fmt.Sprintf("%s, %s at call %d", name, what, call), caught(func() {
					must(t.write(before))
					if struck = t.crash(before, after, now, call, accident); struck && name == "short" {
						t.again(after, now) // the last call does, of the long one
					}
				})))
			}
		}
	}
}

// crash injects an accident at one call of an Ingest. It reports whether the Ingest made that many
// calls.
func (t *trial) crash(before, after *content, now *recording, call int, accident accident) bool {
	struck := t.crashAt(call, now, accident)
	if err := t.holds(after); err != nil && (!struck || t.holds(before) != nil) {
		failf("neither what was stored before nor what is to be stored: %w", err)
	}
	return struck
}

// again completes what an accident has interrupted.
func (t *trial) again(after *content, now *recording) {
	value(store.Ingest(t.ctx, t.store, now, store.Options{}))
	must(wrap("again", t.holds(after)))
}

// crashAt ingests with an accident at a call.
func (t *trial) crashAt(call int, r *recording, accident accident) (struck bool) {
	ctx, cancel := context.WithCancel(t.ctx)
	defer cancel()
	f := &faulty{Store: t.store, due: at(call), fault: func() error { return accident(cancel) }}
	var err error
	panicked := panics(func() { _, err = store.Ingest(ctx, f, r, store.Options{}) })
	switch {
	case panicked:
	case !f.struck.Load():
		must(err)
	case err != nil && !errors.Is(err, errInjected) && !errors.Is(err, context.Canceled):
		failf("store.Ingest returns %w, which is not what has happened", err)
	case err == nil && ctx.Err() == nil:
		failf("store.Ingest returns no error, and a call did")
	case err == nil:
		must(t.agree(r))
	}
	return f.struck.Load()
}

// rebuildCrashes makes a rebuild of several runs fail, or cancels it, a few times.
func rebuildCrashes(t *trial) {
	const calls = 16 // the most calls of a Rebuild
	all, before := t.versions(4)
	for range 3 {
		t.crashRebuild(all, before.derived(), all.derived(), 1+t.upTo(calls-1, "call"), accidents[pick(t, "accident", "error", "cancel")])
	}
}

func (t *trial) crashRebuild(all recordings, before, after []*content, call int, accident accident) {
	must(t.write(before...))
	ctx, cancel := context.WithCancel(t.ctx)
	defer cancel()
	f := &faulty{Store: t.store, due: at(call), fault: func() error { return accident(cancel) }}
	var refused error // one run was refused, and the others were written
	reported := 0
	_, err := store.Rebuild(ctx, f, all, store.Options{Done: func(r store.Result) {
		refused = errors.Join(refused, r.Err)
		reported++
	}})
	for i := range after[:reported] {
		failIf(refused == nil && t.holds(after[i]) != nil, "a run was reported, and its rows are not stored")
	}
	err = errors.Join(err, refused)
	if err == nil { // the failed transaction was repeated run by run
		must(t.holds(after...))
		return
	}
	failIf(f.struck.Load() && !errors.Is(err, errInjected) && !errors.Is(err, context.Canceled), "store.Rebuild returns %v, which is not what has happened", err)
	for i := range after {
		if err := t.holds(after[i]); err != nil && t.holds(before[i]) != nil {
			failf("neither what was stored before nor what is to be stored: %w", err)
		}
	}
	summary := value(store.Rebuild(t.ctx, t.store, all, store.Options{}))
	failIf(refused == nil && summary.Runs[store.Unchanged] < reported, "store.Rebuild counts %v, when %d runs were done", summary.Runs, reported)
	must(wrap("again", t.holds(after...)))
}

// versions draws the streams of up to most runs, now and before.
func (t *trial) versions(most int) (now, before recordings) {
	for i := range 1 + t.upTo(most-1, "runs") {
		run := t.run(fmt.Sprint(i))
		now = append(now, record(run, t.stream("stream")))
		before = append(before, record(run, t.otherThan(now[i].bytes())))
	}
	return now, before
}
