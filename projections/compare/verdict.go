package compare

import (
	"slices"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// Verdict says whether a command has become slower or faster.
type Verdict string

// The verdicts. None means that nothing can be said, or that nothing is to be said.
const (
	None   Verdict = "none"
	Slower Verdict = "slower"
	Faster Verdict = "faster"
)

const (
	// LeastRuns is how many earlier runs a verdict needs at least.
	LeastRuns = 10
	// falsely is the rate of false verdicts in each direction.
	falsely = 0.05
	// leastMs is the change, and 1/leastPart of the duration too, that one with a verdict exceeds.
	leastMs, leastPart = 1000, 20
)

// History is what verdicts rest on.
type History struct {
	// Runs counts the earlier runs that were used.
	Runs int `json:"runs"`
	// LeftOut has the runs that were not used.
	LeftOut []LeftOut `json:"left_out"`
	// Tested counts the tests: of commands that stand out, to be slower or to be faster.
	Tested int `json:"tested"`
}

// LeftOut is a run that is not used, and why.
type LeftOut struct {
	RunID  domain.RunID `json:"run_id"`
	Reason string       `json:"reason"`
}

// EarlierRuns are the durations that the commands of a run had in earlier runs.
type EarlierRuns struct {
	History
	of        *projections.Record
	side      *side
	durations [][]int64 // of each command
}

// Earlier returns the history of a run, without any run.
func Earlier(of *projections.Record) *EarlierRuns {
	s := newSide(of)
	return &EarlierRuns{History: History{LeftOut: []LeftOut{}}, of: of, side: s, durations: make([][]int64, len(s.rows))}
}

// Add adds a run of the same pipeline, if it is an earlier one and ended in the same way. The run
// itself and runs of other pipelines, see [SamePipeline], are ignored.
func (e *EarlierRuns) Add(r *projections.Record) {
	if r.Run.RunID == e.of.Run.RunID || !SamePipeline(e.of, r) {
		return
	}
	if reason := e.unfit(r); reason != "" {
		e.LeftOut = append(e.LeftOut, LeftOut{r.Run.RunID, reason})
		return
	}
	e.Runs++
	other := newSide(r)
	for i, j := range match(e.side, other) {
		if j < 0 {
			continue
		}
		if took := other.duration(j); took.Valid {
			e.durations[i] = append(e.durations[i], took.V)
		}
	}
}

// SamePipeline reports whether two runs have the same labels repo and pipeline, or both none.
func SamePipeline(a, b *projections.Record) bool {
	return Label(a, "repo") == Label(b, "repo") && Label(a, "pipeline") == Label(b, "pipeline")
}

// Label returns the value of a run's label, or an empty text.
func Label(r *projections.Record, key string) string {
	at := slices.IndexFunc(r.Labels, func(l projections.Label) bool { return l.Key == key })
	if at < 0 {
		return ""
	}
	return r.Labels[at].Value
}

// Unfit says why the durations of a run cannot be used, or is "".
func Unfit(r *projections.Record) string {
	switch {
	case !r.Run.Ended:
		return "it has no run_finished"
	case clockBackwards(r):
		return "its clock went backwards"
	}
	return ""
}

func (e *EarlierRuns) unfit(r *projections.Record) string {
	reason := Unfit(r)
	switch began, before := r.Timings.Run.StartedAtMs, e.of.Timings.Run.StartedAtMs; {
	case reason != "":
		return reason
	case r.Run.State != e.of.Run.State:
		return "it ended differently: " + string(r.Run.State)
	case !began.Valid || !before.Valid || began.V >= before.V:
		return "it is not earlier"
	}
	return ""
}

// Judge gives the commands their verdicts, by the runs before B. A run with a clock that went
// backwards, or without an end, gets none.
func (c *Comparison) Judge(by *EarlierRuns) {
	c.History = by.History
	if !c.A.Ended || !c.B.Ended || c.A.ClockBackwards || c.B.ClockBackwards {
		c.Notes = append(c.Notes, "there are no verdicts: a run has no run_finished, or its clock went backwards")
		return
	}
	for _, direction := range []struct {
		verdict Verdict
		sign    int64
	}{{Slower, 1}, {Faster, -1}} {
		var tested []*Command
		var chances []float64
		for i := range c.Commands {
			command := &c.Commands[i]
			if !command.DeltaMs.Valid {
				continue
			}
			if earlier, own := by.durations[command.index], command.B.DurationMs.V; standsOut(earlier, own, direction.sign) {
				tested, chances = append(tested, command), append(chances, chance(earlier, own, direction.sign))
			}
		}
		c.History.Tested += len(tested)
		most := threshold(chances)
		for i, command := range tested {
			if chances[i] <= most && direction.sign*command.DeltaMs.V > floor(command.A.DurationMs.V) {
				command.Verdict = direction.verdict
			}
		}
	}
}

// standsOut reports whether there are enough earlier durations, and whether the longest of all
// durations (or the shortest, if sign is -1) exceeds both the floor and what is usual: three times
// the distance of the ninth decile from the median. Only such commands are tested, so the
// correction is for few tests.
//
// The answer does not depend on which of the durations is the run's own, so it does not change the
// probabilities.
func standsOut(earlier []int64, own, sign int64) bool {
	if len(earlier) < LeastRuns {
		return false
	}
	all := append(slices.Clone(earlier), own)
	slices.Sort(all)
	if sign < 0 {
		slices.Reverse(all)
	}
	last := len(all) - 1
	median := all[last/2]
	usual, most := sign*(all[last*9/10]-median), sign*(all[last]-median)
	return most > floor(median) && most/3 >= usual
}

func floor(ms int64) int64 { return max(leastMs, ms/leastPart) }

// chance is the probability that a duration is at least so high among the earlier ones, or so low
// if sign is -1, if nothing has changed: being beyond all n has the probability 1/(n+1).
func chance(earlier []int64, own, sign int64) float64 {
	beyond := 1
	for _, ms := range earlier {
		if sign > 0 && ms >= own || sign < 0 && ms <= own {
			beyond++
		}
	}
	return float64(beyond) / float64(len(earlier)+1)
}

// threshold returns the largest chance that is significant, or -1, as Benjamini and Hochberg correct
// for the number of tests.
func threshold(chances []float64) float64 {
	sorted, most := slices.Sorted(slices.Values(chances)), -1.0
	for i, p := range sorted {
		if p <= falsely*float64(i+1)/float64(len(sorted)) {
			most = p
		}
	}
	return most
}
