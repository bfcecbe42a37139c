package compare

import (
	"cmp"
	"fmt"
	"math"
	"math/big"
	"slices"

	"github.com/quire-ci/quire-project/projections"
)

// Run is one of the two runs.
type Run struct {
	projections.Run
	Labels []projections.Label `json:"labels"`
	// ClockBackwards says that the producer's clock went backwards, so that durations can be wrong.
	ClockBackwards bool `json:"clock_backwards"`
}

// Change is a quantity of both runs; DeltaMs is B minus A. Unknown values are null.
type Change struct {
	A     projections.Null[int64] `json:"a"`
	B     projections.Null[int64] `json:"b"`
	Delta projections.Null[int64] `json:"delta"`
}

// Account divides the difference of two runs' durations:
// the difference is MatchedMs + OnlyBMs − OnlyAMs − OverlapMs + IdleMs.
type Account struct {
	// MatchedMs is the sum of the differences of matched commands.
	MatchedMs int64 `json:"matched_ms"`
	// OnlyAMs and OnlyBMs are the known durations that the other run has nothing to set against.
	OnlyAMs int64 `json:"only_a_ms"`
	OnlyBMs int64 `json:"only_b_ms"`
	// OverlapMs is the change of the time that commands ran beside others.
	OverlapMs int64 `json:"overlap_ms"`
	// IdleMs is the change of the time in which no command ran.
	IdleMs int64 `json:"idle_ms"`
}

// Side is a command as it was in one of the runs.
type Side struct {
	Seq        int                     `json:"seq"`
	DurationMs projections.Null[int64] `json:"duration_ms"`
	ExitCode   projections.Null[int32] `json:"exit_code"`
}

// Command is a command of both runs or, if A or B is nil, of the other one only.
type Command struct {
	JobID string `json:"job_id"`
	// Cmd is the text in B, or in A if it is not in B.
	Cmd string `json:"cmd"`
	A   *Side  `json:"a"`
	B   *Side  `json:"b"`
	// DeltaMs is null if one of the two durations is unknown.
	DeltaMs projections.Null[int64] `json:"delta_ms"`
	Verdict Verdict                 `json:"verdict"`

	index int // in B, if it is there
}

// Explains returns how much of the difference the command explains, in milliseconds: its DeltaMs or,
// without that, the duration that only one run has.
func (c *Command) Explains() int64 {
	switch {
	case c.DeltaMs.Valid:
		return c.DeltaMs.V
	case c.B != nil && c.B.DurationMs.Valid:
		return c.B.DurationMs.V
	case c.A != nil && c.A.DurationMs.Valid:
		return -c.A.DurationMs.V
	}
	return 0
}

// Matching says how many commands were matched.
type Matching struct {
	A       int `json:"a"` // commands of A
	B       int `json:"b"` // commands of B
	Matched int `json:"matched"`
	// ExplainedPercent is what MatchedMs is of all parts of the account, signs left aside. It is null
	// without an account, and if all parts are 0.
	ExplainedPercent projections.Null[int64] `json:"explained_percent"`
}

// Comparison is what differs between two runs.
type Comparison struct {
	A      Run    `json:"a"`
	B      Run    `json:"b"`
	WallMs Change `json:"wall_ms"`
	// Account is nil if a number is unknown or int64 cannot hold it; Notes say which.
	Account *Account `json:"account"`
	// Commands has the commands of both runs; those that explain most come first.
	Commands []Command `json:"commands"`
	Matching Matching  `json:"matching"`
	// History is what verdicts rest on.
	History History `json:"history"`
	// Notes say what makes numbers unknown or doubtful.
	Notes []string `json:"notes"`
}

// Runs compares two runs. Its verdicts are all None; see [Comparison.Judge].
func Runs(a, b *projections.Record) *Comparison {
	of, to := newSide(a), newSide(b)
	c := &Comparison{A: newRun(a), B: newRun(b), WallMs: change(a.Timings.Run.WallMs, b.Timings.Run.WallMs), Commands: []Command{}, Notes: []string{}}
	c.History.LeftOut = []LeftOut{}
	partner := match(to, of)
	matched := make([]bool, len(of.rows))
	for i := range to.rows {
		command := Command{JobID: to.rows[i].JobID, Cmd: to.rows[i].Cmd, B: to.at(i), Verdict: None, index: i}
		if j := partner[i]; j >= 0 {
			matched[j] = true
			command.A = of.at(j)
			command.DeltaMs = difference(command.A.DurationMs, command.B.DurationMs)
			c.Matching.Matched++
		}
		c.Commands = append(c.Commands, command)
	}
	for j := range of.rows {
		if !matched[j] {
			c.Commands = append(c.Commands, Command{JobID: of.rows[j].JobID, Cmd: of.rows[j].Cmd, A: of.at(j), Verdict: None, index: -1})
		}
	}
	c.Matching.A, c.Matching.B = len(of.rows), len(to.rows)
	slices.SortStableFunc(c.Commands, func(a, b Command) int { return cmp.Compare(magnitude(b.Explains()), magnitude(a.Explains())) })
	c.note("A", &c.A, of, c.WallMs.A)
	c.note("B", &c.B, to, c.WallMs.B)
	c.account(of.covered(), to.covered())
	return c
}

func newRun(r *projections.Record) Run {
	return Run{Run: r.Run, Labels: r.Labels, ClockBackwards: clockBackwards(r)}
}

func clockBackwards(r *projections.Record) bool {
	return slices.ContainsFunc(r.Diagnostics, func(d projections.Diagnostic) bool { return d.Code == projections.ClockBackwards })
}

func change(a, b projections.Null[int64]) Change { return Change{A: a, B: b, Delta: difference(a, b)} }

// difference is b − a, which int64 holds since durations are not negative.
func difference(a, b projections.Null[int64]) projections.Null[int64] {
	if !a.Valid || !b.Valid {
		return projections.Null[int64]{}
	}
	return projections.Some(b.V - a.V)
}

func magnitude(ms int64) int64 { return max(ms, -ms) }

func (c *Comparison) note(name string, run *Run, of *side, wall projections.Null[int64]) {
	if !wall.Valid {
		c.Notes = append(c.Notes, "the duration of "+name+" is unknown, so there is no account")
	}
	if !run.Ended {
		c.Notes = append(c.Notes, name+" has no run_finished: its duration ends at its last event")
	}
	if run.ClockBackwards {
		c.Notes = append(c.Notes, "the clock of "+name+" went backwards: its durations can be wrong")
	}
	unknown := 0
	for i := range of.rows {
		if !of.duration(i).Valid {
			unknown++
		}
	}
	if unknown > 0 {
		c.Notes = append(c.Notes, fmt.Sprintf("%d of the commands of %s have no known duration; their time counts as idle", unknown, name))
	}
}

// account adds up exactly, since every known duration is counted in one part: in the difference of
// a pair or, without a pair, in that of its run.
func (c *Comparison) account(coveredA, coveredB *big.Int) {
	if !c.WallMs.Delta.Valid {
		return
	}
	var matched, onlyA, onlyB, overlap, idle big.Int
	for i := range c.Commands {
		switch command := &c.Commands[i]; {
		case command.DeltaMs.Valid:
			add(&matched, command.DeltaMs.V)
		case command.A != nil && command.A.DurationMs.Valid:
			add(&onlyA, command.A.DurationMs.V)
		case command.B != nil && command.B.DurationMs.Valid:
			add(&onlyB, command.B.DurationMs.V)
		}
	}
	covered := new(big.Int).Sub(coveredB, coveredA)
	overlap.Add(&matched, &onlyB).Sub(&overlap, &onlyA).Sub(&overlap, covered)
	idle.Sub(big.NewInt(c.WallMs.Delta.V), covered)
	for _, part := range []*big.Int{&matched, &onlyA, &onlyB, &overlap, &idle} {
		if !new(big.Int).Abs(part).IsInt64() { // the swapped account holds them negated
			c.Notes = append(c.Notes, "a sum of durations is too large, so there is no account")
			return
		}
	}
	c.Account = &Account{matched.Int64(), onlyA.Int64(), onlyB.Int64(), overlap.Int64(), idle.Int64()}
	c.Matching.ExplainedPercent = c.Account.explained()
}

func add(sum *big.Int, ms int64) { sum.Add(sum, big.NewInt(ms)) }

// explained returns the percentage of MatchedMs in all parts, so that parts which cancel each other
// do not hide each other.
func (a *Account) explained() projections.Null[int64] {
	all := 0.0
	for _, part := range []int64{a.MatchedMs, a.OnlyAMs, a.OnlyBMs, a.OverlapMs, a.IdleMs} {
		all += math.Abs(float64(part))
	}
	if all == 0 {
		return projections.Null[int64]{}
	}
	return projections.Some(int64(math.Round(100 * math.Abs(float64(a.MatchedMs)) / all)))
}
