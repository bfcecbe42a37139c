package storetest

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// law is a property that every store must have.
type law struct {
	name string
	// holds ends with a failure if the store does not have the property.
	holds func(*trial)
	// times is how often each check tries the law.
	times int
	// example means that the law draws nothing, so one try is enough.
	example bool
	// thorough means that the law is a slow example. Other laws try parts of it, so [RunQuick] and
	// -short skip it.
	thorough bool
}

// property returns a law that draws random values.
func property(name string, holds func(*trial)) law { return law{name: name, holds: holds, times: 1} }

// rarely is like property, for a law that finds some mistakes in few of its tries.
func rarely(name string, holds func(*trial)) law { return law{name: name, holds: holds, times: 2} }

// often is like property, for a law that draws so much that it takes many tries to find mistakes.
func often(name string, holds func(*trial)) law { return law{name: name, holds: holds, times: 4} }

// example returns a law that draws nothing.
func example(name string, holds func(*trial)) law {
	return law{name: name, holds: holds, times: 1, example: true}
}

// thorough returns a law that is a slow example.
func thorough(name string, holds func(*trial)) law {
	return law{name: name, holds: holds, times: 1, example: true, thorough: true}
}

// check tries the law on the store.
func (l law) check(t *testing.T, open Opener) {
	t.Helper()
	as := once(func(set *projections.Set) store.Store { return open(t, set) })
	if l.example {
		if err := l.try(as, nil); err != nil {
			t.Fatal(err)
		}
		return
	}
	rapid.Check(t, func(draw *rapid.T) {
		for range l.times {
			if err := l.try(as, draw); err != nil {
				draw.Fatal(err)
			}
		}
	})
}

// once opens one store for each set.
func once(open func(*projections.Set) store.Store) func(*projections.Set) store.Store {
	opened := map[*projections.Set]store.Store{}
	return func(set *projections.Set) store.Store {
		if opened[set] == nil {
			opened[set] = open(set)
		}
		return opened[set]
	}
}

// group has the laws about one subject.
type group struct {
	name string
	laws []law
	// streams means that the laws are about streams.
	streams bool
}

// groups returns all laws. The slowest groups come first, so that parallel groups end together.
func groups() []group {
	return []group{
		{"segments", segmentLaws, true},
		{"gaps", gapLaws, true},
		{"transcripts", transcriptLaws(), false},
		{"sets", setLaws, true},
		{"rows", rowLaws, false},
		{"changing", changeLaws, false},
		{"checkpoints", checkpointLaws, false},
		{"waiting", waitLaws, false},
		{"reading", readLaws, false},
		{"listing", listLaws, false},
		{"parking", parkLaws, false},
		{"ingesting", ingestLaws, true},
		{"crashing", crashLaws, true},
		{"rebuilding", rebuildLaws, true},
		{"verifying", verifyLaws, true},
		{"at once", onceLaws, true},
		{"keeping", keepLaws, true},
	}
}

// Opener opens the store for a program with a set of projections. It is the same database each
// time.
type Opener func(t *testing.T, set *projections.Set) store.Store

// Run checks a store against all laws, each in a subtest, for which open opens the store.
func Run(t *testing.T, open Opener) {
	t.Helper()
	Tries(t, enough)
	for _, group := range groups() {
		t.Run(group.name, func(t *testing.T) { group.check(t, open, testing.Short()) })
	}
}

// RunParallel is like Run, with groups of laws in parallel. place creates a database for each
// group, and returns the function that opens the store there. Most laws mainly wait for a server.
func RunParallel(t *testing.T, place func(t *testing.T) Opener) {
	t.Helper()
	sideBySide(t, place, groups(), testing.Short())
}

// RunKeeping checks a store that keeps streams against the laws about streams. For each run that is
// read, the kept stream must be the one from which its rows were derived.
func RunKeeping(t *testing.T, place func(t *testing.T) Opener) {
	t.Helper()
	about := slices.DeleteFunc(groups(), func(g group) bool { return !g.streams })
	sideBySide(t, place, about, testing.Short())
}

// RunQuick is like RunParallel, without the slow laws, for a store that shares most of its code with
// another one.
func RunQuick(t *testing.T, place func(t *testing.T) Opener) {
	t.Helper()
	sideBySide(t, place, groups(), true)
}

func sideBySide(t *testing.T, place func(t *testing.T) Opener, groups []group, quick bool) {
	t.Helper()
	Tries(t, enough)
	for _, group := range groups {
		t.Run(group.name, func(t *testing.T) {
			t.Parallel()
			group.check(t, place(t), quick)
		})
	}
}

func (g group) check(t *testing.T, open Opener, quick bool) {
	t.Helper()
	for _, law := range g.laws {
		t.Run(law.name, func(t *testing.T) {
			if law.thorough && quick {
				t.Skip("it takes long")
			}
			law.check(t, open)
		})
	}
}
