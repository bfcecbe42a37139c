package projections

import (
	"cmp"
	"slices"

	"github.com/quire-ci/quire-project/domain"
)

// SlowSh is one of the slowest shell commands of a run.
type SlowSh struct {
	JobID      string `json:"job_id" doc:"Id of the command's job."`
	Seq        int    `json:"seq" min:"1" doc:"Number of the command within its job, from 1."`
	DurationMs int64  `json:"duration_ms" min:"0" doc:"From the command's start to its end, in milliseconds."`
}

// slowestCount is how many commands "timings.slowest" lists.
const slowestCount = 10

// Slowest is the projection "timings.slowest": the ten commands that took longest, longest
// first, ties in stream order. The index of a row is its rank, so no row is ever final.
var Slowest = Define(Declaration[SlowSh]{
	Name: "timings.slowest", Version: Version, Key: []string{"job_id", "seq"}, Summary: true, Unstored: true,
	New:   func() Projection[SlowSh] { return &slowest{} },
	Kinds: []domain.Kind{domain.ShFinished},
	Doc:   "The ten commands that took longest, longest first.",
})

type slowest struct{ Ranking }

// Ranking has the slowest of the commands that it was given.
type Ranking struct {
	Ranks []rankedSh `json:"ranks"`
}

type rankedSh struct {
	Index int    `json:"index"` // the sh's place in the stream
	Sh    SlowSh `json:"sh"`
}

func (p *slowest) Reduce(step *Step, rows []Row[SlowSh]) []Row[SlowSh] {
	if !step.ShCloses {
		return rows
	}
	if d := Span(step.Sh.StartedAtMs, step.AtMs); d.Valid && p.ranks(d.V, step.Sh.Index) {
		p.insert(rankedSh{step.Sh.Index, SlowSh{step.Job.ID, step.Sh.Seq, d.V}})
	}
	return rows
}

// Add ranks a command by its timing, which is the row at an index. Add each command once, in any order; those that
// have no duration yet do not count.
func (p *Ranking) Add(index int, sh *ShTiming) {
	if d := sh.DurationMs; d.Valid && p.ranks(d.V, index) {
		p.insert(rankedSh{index, SlowSh{sh.JobID, sh.Seq, d.V}})
	}
}

// Rows returns the rows of [Slowest].
func (p *Ranking) Rows() (rows []Row[SlowSh]) {
	for i, ranked := range p.Ranks {
		rows = append(rows, Row[SlowSh]{Index: i, Value: ranked.Sh})
	}
	return rows
}

func (p *slowest) Open(_ *Tracker, rows []Row[SlowSh]) []Row[SlowSh] {
	for i, ranked := range p.Ranks {
		var row *SlowSh
		rows, row = addOpen(rows, i)
		*row = ranked.Sh
	}
	return rows
}

// ranks reports whether a sh is among the slowest so far.
func (p *Ranking) ranks(durationMs int64, index int) bool {
	if len(p.Ranks) < slowestCount {
		return true
	}
	last := &p.Ranks[slowestCount-1]
	return durationMs > last.Sh.DurationMs || durationMs == last.Sh.DurationMs && index < last.Index
}

func (p *Ranking) insert(sh rankedSh) {
	at, _ := slices.BinarySearchFunc(p.Ranks, sh, func(a, b rankedSh) int {
		return cmp.Or(cmp.Compare(b.Sh.DurationMs, a.Sh.DurationMs), cmp.Compare(a.Index, b.Index))
	})
	p.Ranks = slices.Insert(p.Ranks, at, sh)
	p.Ranks = p.Ranks[:min(len(p.Ranks), slowestCount)]
}
