//go:build unix

package faults

import (
	"math/rand/v2"
	"testing"

	"github.com/quire-ci/quire-project/fixtures/synth"
)

// fault is an accident that happens to the program.
type fault interface {
	// strike runs the program, lets the fault happen, and reports whether the work was
	// completed nevertheless.
	strike(t testing.TB, args ...string) (completed bool)
	// clear ends the fault. It is called after the database was checked, and before the
	// same command completes the work.
	clear(t testing.TB)
}

// work is a task that the program repeats while faults happen.
type work struct {
	db     database
	rnd    *rand.Rand
	fault  fault
	reader *look
	// often is how often the fault happens.
	often, completed int
}

func newWork(db database, rnd *rand.Rand, fault fault, often int) *work {
	return &work{db: db, rnd: rnd, fault: fault, often: often, reader: &look{db: db, rnd: rnd}}
}

// end completes the work with the same command. It fails if no fault has interrupted the
// work.
func (w *work) end(t testing.TB, source string, args []string) {
	t.Helper()
	w.complete(t, source, args)
	t.Logf("%d of %d times, the work was completed nevertheless", w.completed, w.often)
	if w.completed == w.often && w.often >= kills {
		t.Error("the fault came too late, always")
	}
}

// ingest reads a long stream that grows, and sometimes becomes another one. The store always
// has either the old or the new rows.
func (w *work) ingest(t testing.TB) {
	t.Helper()
	s := newStream(t.TempDir(), "large")
	versions := growing(t, s, w.rnd)
	args := []string{s.path, "--to", w.db.address}
	var before *version
	for i := range w.often {
		now := versions[i%len(versions)]
		s.becomes(t, now)
		completed := w.strike(t, args)
		before = w.holds(t, s, before, now, completed)
		if w.fault.clear(t); w.rnd.IntN(4) == 0 {
			w.complete(t, s.path, args)
			before = now
		}
	}
	w.end(t, s.path, args)
}

// rebuild derives runs again, whose streams grow, become others or get shorter. Each run
// always has either its old or its new rows, and no run goes missing.
func (w *work) rebuild(t testing.TB, runs int) {
	t.Helper()
	f := newFolder(t, runs)
	args := []string{"rebuild", f.path, "--to", w.db.address}
	before := make([]*version, len(f.streams))
	for range w.often {
		if w.rnd.IntN(2) == 0 {
			f.change(t, w.rnd)
		}
		completed := w.strike(t, args)
		for i, s := range f.streams {
			before[i] = w.holds(t, s, before[i], f.now[i], completed)
		}
		w.fault.clear(t)
	}
	w.end(t, f.path, args)
}

func (w *work) strike(t testing.TB, args []string) (completed bool) {
	t.Helper()
	if completed = w.fault.strike(t, args...); completed {
		w.completed++
	}
	w.reader.again(t)
	return completed
}

// holds returns the stored version of a stream: the old or the new one, and the new one if
// the work was completed.
func (w *work) holds(t testing.TB, s *stream, before, now *version, completed bool) *version {
	t.Helper()
	record := w.reader.read(t, s.run)
	switch {
	case now.is(record):
		return now
	case completed:
		t.Fatalf("run %s: the work was completed, and the rows are not those of the stream:\nwant   %v\nstored %v", s.run, now, runOf(record))
	case !before.is(record):
		t.Fatalf("run %s: the rows are neither the old nor the new ones:\nbefore %v\nafter  %v\nstored %v", s.run, before, now, runOf(record))
	}
	return before
}

// complete completes the work with the same command.
func (w *work) complete(t testing.TB, source string, args []string) {
	t.Helper()
	run(t, args...).succeeds(t)
	verified(t, source, w.db)
}

// growing returns versions of two streams that grow. Some of them end inside a line.
func growing(t testing.TB, s *stream, rnd *rand.Rand) (versions []*version) {
	for seed := range uint64(2) {
		data := synthetic(t, large(seed))
		for part := range 4 {
			some := data[:len(data)*(part+1)/5+rnd.IntN(100)]
			if rnd.IntN(3) > 0 {
				some = wholeLines(some)
			}
			versions = append(versions, newVersion(s.run, some))
		}
		versions = append(versions, newVersion(s.run, data))
	}
	return versions
}

// large is the shape of a stream whose rows need several batches.
func large(seed uint64) synth.Shape {
	if slow {
		return synth.Shape{Seed: seed, Jobs: 1000, Sh: 3250, AtOnce: 20}
	}
	return synth.Shape{Seed: seed, Jobs: 2000, Sh: 6500, AtOnce: 20}
}
