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
	before := nothing(now.run)
	if t.flip("stored") {
		before = record(now.run, t.otherThan(now.bytes())).derived()
	}
	t.crashIngest(before, now, 1+t.upTo(calls-1, "call"), accidents[pick(t, "accident", "error", "panic", "cancel")], true)
}

// crashesAtEach injects each accident at each call of an Ingest, for a short stream that is partly
// stored, and for one that is written in batches.
func crashesAtEach(t *trial) {
	for name, stream := range map[string][]byte{"short": longStream(3), "long": longStream(92)} {
		now := record(t.run(name), stream)
		before := nothing(now.run)
		if name == "short" {
			before = record(now.run, stream[:wholeLines(stream[:len(stream)/3])]).derived()
		}
		for what, accident := range accidents {
			for call, struck := 1, true; struck; call++ {
				must(wrap(fmt.Sprintf("%s, %s at call %d", name, what, call), caught(func() {
					struck = t.crashIngest(before, now, call, accident, name == "short") // the last call does, of the long one
				})))
			}
		}
	}
}

// crash stores what was there before, and calls do with a store that has an accident at one of its
// calls. Each run must then be as before or as after. It reports whether do made that many calls.
func (t *trial) crash(before, after []*content, call int, accident accident, do func(context.Context, *faulty) error) bool {
	must(t.write(before...))
	ctx, cancel := context.WithCancel(t.ctx)
	defer cancel()
	f := &faulty{Store: t.store, due: at(call), fault: func() error { return accident(cancel) }}
	var err error
	panicked := panics(func() { err = do(ctx, f) })
	switch {
	case panicked:
	case err == nil:
		must(t.holds(after...))
		return f.struck.Load()
	case !f.struck.Load() || !errors.Is(err, errInjected) && !errors.Is(err, context.Canceled):
		failf("it returns %w, which is not what has happened", err)
	}
	for i := range after {
		if err := t.holds(after[i]); err != nil && t.holds(before[i]) != nil {
			failf("neither what was stored before nor what is to be stored: %w", err)
		}
	}
	return f.struck.Load()
}

// crashIngest makes an Ingest crash, and completes it.
func (t *trial) crashIngest(before *content, now *recording, call int, accident accident, again bool) (struck bool) {
	after := []*content{now.derived()}
	struck = t.crash([]*content{before}, after, call, accident, func(ctx context.Context, f *faulty) error {
		_, err := store.Ingest(ctx, f, now, store.Options{})
		if err == nil && f.struck.Load() && ctx.Err() == nil {
			err = errors.New("no error, and a call did")
		}
		return err
	})
	if struck && again {
		value(store.Ingest(t.ctx, t.store, now, store.Options{}))
		must(wrap("again", t.holds(after...)))
	}
	return struck
}

// rebuildCrashes makes a rebuild of several runs fail, or cancels it, a few times.
func rebuildCrashes(t *trial) {
	const calls = 16 // the most calls of a Rebuild
	all, before := t.versions(4)
	after := all.derived()
	for range 3 {
		var refused error // one run was refused, and the others were written
		reported := 0
		accident := accidents[pick(t, "accident", "error", "cancel")]
		t.crash(before.derived(), after, 1+t.upTo(calls-1, "call"), accident, func(ctx context.Context, f *faulty) error {
			_, err := store.Rebuild(ctx, f, all, store.Options{Done: func(r store.Result) {
				refused = errors.Join(refused, r.Err)
				reported++
			}})
			return errors.Join(err, refused) // none if the failed transaction was repeated run by run
		})
		for i := range after[:reported] {
			failIf(refused == nil && t.holds(after[i]) != nil, "a run was reported, and its rows are not stored")
		}
		summary := value(store.Rebuild(t.ctx, t.store, all, store.Options{}))
		failIf(refused == nil && summary.Runs[store.Unchanged] < reported, "store.Rebuild counts %v, when %d runs were done", summary.Runs, reported)
		must(wrap("again", t.holds(after...)))
	}
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
