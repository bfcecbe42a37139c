//go:build unix

package faults

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/quire-ci/quire-project/fixtures/synth"
)

// kills is how often a command is killed.
const kills = 8

func TestKilledIngest(t *testing.T) {
	eachKind(t, func(t *testing.T, fresh func() database) {
		k := &kill{rnd: random(t)}
		s := newStream(t.TempDir(), "large")
		s.becomes(t, newVersion(s.run, synthetic(t, large(0))))
		k.takes = measure(t, s.path, "--to", fresh().address)
		newWork(fresh(), k.rnd, k, times(kills)).ingest(t)
	})
}

// A store that keeps streams has the stream of its rows, whenever the program is killed.
func TestKilledIngestThatKeeps(t *testing.T) {
	eachKind(t, func(t *testing.T, fresh func() database) {
		k, small := &kill{rnd: random(t)}, newStream(t.TempDir(), "small")
		small.becomes(t, newVersion(small.run, synthetic(t, synth.Shape{Jobs: 2, Sh: 5})))
		s, db := newStream(t.TempDir(), "large"), fresh()
		s.becomes(t, newVersion(s.run, synthetic(t, large(0))))
		k.takes = measure(t, s.path, "--to", fresh().address, "--keep-streams")
		run(t, small.path, "--to", db.address, "--keep-streams").succeeds(t)
		newWork(db, k.rnd, k, times(kills)).ingest(t)
	})
}

// killedRuns is the number of runs of a killed rebuild: they take several transactions.
const killedRuns = 40

func TestKilledRebuild(t *testing.T) {
	eachKind(t, func(t *testing.T, fresh func() database) {
		k := &kill{rnd: random(t)}
		k.takes = measure(t, "rebuild", newFolder(t, killedRuns).path, "--to", fresh().address)
		newWork(fresh(), k.rnd, k, times(kills)).rebuild(t, killedRuns)
	})
}

// The first command that uses a database makes the tables, and can be killed meanwhile.
func TestKilledAtFirstUse(t *testing.T) {
	eachKind(t, func(t *testing.T, fresh func() database) {
		k := &kill{rnd: random(t)}
		s := newStream(t.TempDir(), "small")
		now := newVersion(s.run, synthetic(t, synth.Shape{Jobs: 2, Sh: 5}))
		s.becomes(t, now)
		k.takes = measure(t, s.path, "--to", fresh().address)
		for range times(6) {
			w := newWork(fresh(), k.rnd, k, 1)
			args := []string{s.path, "--to", w.db.address}
			w.holds(t, s, nil, now, w.strike(t, args))
			w.complete(t, s.path, args)
			w.reader.close()
		}
	})
}

// kill is a fault: the program is killed at a random moment.
type kill struct {
	rnd   *rand.Rand
	takes time.Duration
}

func (k *kill) strike(t testing.TB, args ...string) (completed bool) {
	t.Helper()
	e := start(t, args...).killAfter(t, time.Duration(k.rnd.Int64N(int64(k.takes))))
	if e.killed() {
		return false
	}
	e.succeeds(t)
	k.takes = (k.takes + e.took) / 2 // the estimate was too long
	return true
}

func (k *kill) clear(testing.TB) {}
