package storetest

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// law is something that must hold for every store.
type law struct {
	name string
	// holds ends with a failure if the store has done something wrong.
	holds func(*trial)
	// example is set for a law that draws nothing. One try will do.
	example bool
	// thorough is set for an example that takes long, and of which other laws try some:
	// -short leaves it out.
	thorough bool
}

// property makes a law of what must hold for anything that is drawn.
func property(name string, holds func(*trial)) law { return law{name: name, holds: holds} }

// example makes a law of something that has one course.
func example(name string, holds func(*trial)) law {
	return law{name: name, holds: holds, example: true}
}

// thorough makes a law of an example that takes long.
func thorough(name string, holds func(*trial)) law {
	return law{name: name, holds: holds, example: true, thorough: true}
}

// check tries the law on the store.
func (l law) check(t *testing.T, open Opener) {
	t.Helper()
	if l.thorough && testing.Short() {
		t.Skip("it takes long")
	}
	as := once(func(set *projections.Set) store.Store { return open(t, set) })
	if l.example {
		if err := l.try(as, nil); err != nil {
			t.Fatal(err)
		}
		return
	}
	rapid.Check(t, func(draw *rapid.T) {
		if err := l.try(as, draw); err != nil {
			draw.Fatal(err)
		}
	})
}

// once opens a store for each set once.
func once(open func(*projections.Set) store.Store) func(*projections.Set) store.Store {
	opened := map[*projections.Set]store.Store{}
	return func(set *projections.Set) store.Store {
		if opened[set] == nil {
			opened[set] = open(set)
		}
		return opened[set]
	}
}

// group are laws about one subject.
type group struct {
	name string
	laws []law
	// streams says that the laws are about streams.
	streams bool
}

// groups returns all laws, and those first that take longest, for what goes on side by side
// to end together.
func groups() []group {
	return []group{
		{"segments", segmentLaws, true},
		{"appending", appendLaws, true},
		{"gaps", gapLaws, true},
		{"transcripts", transcriptLaws(), false},
		{"disturbing", disturbLaws, true},
		{"tails", tailLaws, true},
		{"sets", setLaws, true},
		{"rows", rowLaws, false},
		{"changing", changeLaws, false},
		{"checkpoints", checkpointLaws, false},
		{"transactions", transactionLaws, false},
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

// Opener opens the store, the same database each time, as a program does that has a set of
// projections.
type Opener func(t *testing.T, set *projections.Set) store.Store

// Run holds a store to all laws, each in a subtest, for which open opens the store.
func Run(t *testing.T, open Opener) {
	t.Helper()
	Tries(t, enough)
	for _, group := range groups() {
		t.Run(group.name, func(t *testing.T) { group.check(t, open) })
	}
}

// RunKeeping holds a store that keeps streams to the laws about streams: of each run that is read,
// the kept stream is what its rows were derived from.
func RunKeeping(t *testing.T, place func(t *testing.T) Opener) {
	t.Helper()
	Tries(t, enough)
	for _, group := range groups() {
		if group.streams {
			t.Run(group.name, func(t *testing.T) {
				t.Parallel()
				group.check(t, place(t))
			})
		}
	}
}

// RunParallel is Run with groups of laws side by side, each in a database of its own,
// which place makes: it returns what opens the store there. Most of what a law takes is
// waiting for a server.
func RunParallel(t *testing.T, place func(t *testing.T) Opener) {
	t.Helper()
	Tries(t, enough)
	for _, group := range groups() {
		t.Run(group.name, func(t *testing.T) {
			t.Parallel()
			group.check(t, place(t))
		})
	}
}

func (g group) check(t *testing.T, open Opener) {
	t.Helper()
	for _, law := range g.laws {
		t.Run(law.name, func(t *testing.T) { law.check(t, open) })
	}
}
