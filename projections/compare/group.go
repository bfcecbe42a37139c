package compare

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// Group is runs that are to be compared, together, with other ones.
type Group struct {
	// Conditions say which runs the group has, for people.
	Conditions string `json:"conditions"`
	// Runs counts the runs that were used.
	Runs int `json:"runs"`
	// LeftOut has the runs that were not used.
	LeftOut []LeftOut `json:"left_out"`

	ids       map[domain.RunID]bool
	pipelines map[[2]string]bool
	walls     []int64
	commands  map[groupCommand][]int64
}

// groupCommand identifies a command in all runs: the nth one of its normal text in its job.
type groupCommand struct {
	job, cmd string
	nth      int
}

// NewGroup returns a group without runs.
func NewGroup(conditions string) *Group {
	return &Group{Conditions: conditions, LeftOut: []LeftOut{}, ids: map[domain.RunID]bool{}, pipelines: map[[2]string]bool{}, commands: map[groupCommand][]int64{}}
}

// Add adds a run. One that is there already is ignored.
func (g *Group) Add(r *projections.Record) {
	if g.ids[r.Run.RunID] {
		return
	}
	g.ids[r.Run.RunID] = true
	if reason := Unfit(r); reason != "" {
		g.LeftOut = append(g.LeftOut, LeftOut{r.Run.RunID, reason})
		return
	}
	g.Runs++
	g.pipelines[[2]string{Label(r, "repo"), Label(r, "pipeline")}] = true
	if r.Timings.Run.WallMs.Valid {
		g.walls = append(g.walls, r.Timings.Run.WallMs.V)
	}
	failed := map[string]bool{}
	for i := range r.Jobs {
		failed[r.Jobs[i].JobID] = r.Jobs[i].State == projections.Failed
	}
	side, seen := newSide(r), map[groupCommand]int{}
	for i := range side.rows {
		sh := &side.rows[i]
		of := groupCommand{job: sh.JobID, cmd: Normal(sh.Cmd)}
		seen[of]++
		of.nth = seen[of]
		took := side.duration(i)
		if stopped := failed[sh.JobID] && sh.ExitCode.V != 0; took.Valid && !stopped {
			g.commands[of] = append(g.commands[of], took.V)
		}
	}
}

// Sample is how long something took in the runs of a group.
type Sample struct {
	// Runs counts those in which it has a known duration.
	Runs int `json:"runs"`
	// Median is the median and the interval that the true one lies in.
	Median Interval `json:"median"`
}

// Shift is how much longer something takes in group B than in group A.
type Shift struct {
	// A and B are nil if no run of the group has it.
	A *Sample `json:"a"`
	B *Sample `json:"b"`
	// Shift is nil if one group has none.
	Shift *Interval `json:"shift"`
	// Chance is the probability of a difference at least this large if nothing has changed,
	// uncorrected and corrected for the number of tests. Both are null without a test.
	Chance    projections.Null[float64] `json:"p_value"`
	Corrected projections.Null[float64] `json:"corrected_p_value"`
	Verdict   Verdict                   `json:"verdict"`
}

// GroupCommand is a command of two groups.
type GroupCommand struct {
	JobID string `json:"job_id"`
	// Cmd is the normal text, see [Normal].
	Cmd string `json:"cmd"`
	// Nth is 1, or more if the job has several commands of the same text.
	Nth int `json:"nth"`
	Shift
}

// Groups is what differs between two groups of runs.
type Groups struct {
	A *Group `json:"a"`
	B *Group `json:"b"`
	// Wall is of the runs' durations.
	Wall Shift `json:"wall"`
	// Commands has the commands; those that have changed most come first.
	Commands []GroupCommand `json:"commands"`
	// Tested counts the tests that the chances are corrected for.
	Tested int `json:"tested"`
	// Notes say what makes the numbers doubtful.
	Notes []string `json:"notes"`
}

// CompareGroups compares two groups of runs.
func CompareGroups(a, b *Group) *Groups {
	g := &Groups{A: a, B: b, Wall: newShift(a.walls, b.walls), Commands: []GroupCommand{}, Notes: []string{}}
	for of, durations := range a.commands {
		g.Commands = append(g.Commands, GroupCommand{of.job, of.cmd, of.nth, newShift(durations, b.commands[of])})
	}
	for of, durations := range b.commands {
		if a.commands[of] == nil {
			g.Commands = append(g.Commands, GroupCommand{of.job, of.cmd, of.nth, newShift(nil, durations)})
		}
	}
	slices.SortFunc(g.Commands, func(a, b GroupCommand) int {
		return cmp.Or(cmp.Compare(magnitude(b.Explains()), magnitude(a.Explains())), cmp.Compare(a.JobID, b.JobID), cmp.Compare(a.Cmd, b.Cmd), cmp.Compare(a.Nth, b.Nth))
	})
	if g.note() {
		g.judge()
	}
	return g
}

// Explains returns by how many milliseconds B takes longer, as Shift says; without that, it is the median in
// B, or that in A, which counts as shorter.
func (s *Shift) Explains() int64 {
	switch {
	case s.Shift != nil:
		return s.Shift.Ms
	case s.B != nil:
		return s.B.Median.Ms
	case s.A != nil:
		return -s.A.Median.Ms
	}
	return 0
}

func newShift(a, b []int64) Shift {
	s := Shift{A: newSample(a), B: newSample(b), Verdict: None}
	if s.A == nil || s.B == nil {
		return s
	}
	by := shift(a, b)
	s.Shift = &by
	if len(a) >= LeastRuns && len(b) >= LeastRuns {
		s.Chance = projections.Some(rankTest(a, b))
	}
	return s
}

func newSample(values []int64) *Sample {
	if len(values) == 0 {
		return nil
	}
	return &Sample{len(values), medianOf(values)}
}

// note adds the notes, and reports whether there can be verdicts.
func (g *Groups) note() bool {
	for id := range g.A.ids {
		if g.B.ids[id] {
			g.Notes = append(g.Notes, "there are no verdicts: the groups have runs in common")
			return false
		}
	}
	pipelines := map[[2]string]bool{}
	for i, group := range []*Group{g.A, g.B} {
		if group.Runs == 0 {
			g.Notes = append(g.Notes, fmt.Sprintf("group %s has no run that can be compared: all are left out", "AB"[i:i+1]))
		}
		for of := range group.pipelines {
			pipelines[of] = true
		}
	}
	if len(pipelines) > 1 {
		g.Notes = append(g.Notes, fmt.Sprintf("the runs are of %d pipelines (labels repo and pipeline): name one with pipeline=NAME", len(pipelines)))
	}
	return true
}

// judge corrects the chances, and gives verdicts.
func (g *Groups) judge() {
	tested, chances := []*Shift{}, []float64{}
	test := func(s *Shift) {
		if s.Chance.Valid {
			tested, chances = append(tested, s), append(chances, s.Chance.V)
		}
	}
	test(&g.Wall)
	for i := range g.Commands {
		test(&g.Commands[i].Shift)
	}
	g.Tested = len(tested)
	for i, chance := range corrected(chances) {
		of := tested[i]
		of.Corrected = projections.Some(chance)
		switch by, least := of.Shift.Ms, floor(of.A.Median.Ms); {
		case chance > falsely:
		case by > least:
			of.Verdict = Slower
		case by < -least:
			of.Verdict = Faster
		}
	}
}

// StoredGroups compares two groups of a store's runs; see [NoRunsError]. The functions prepare each run.
func StoredGroups(ctx context.Context, s store.Store, a, b store.Selection, prepare ...func(*projections.Record)) (*Groups, error) {
	groupA, err := storedGroup(ctx, s, "A", a, prepare)
	if err != nil {
		return nil, err
	}
	groupB, err := storedGroup(ctx, s, "B", b, prepare)
	if err != nil {
		return nil, err
	}
	return CompareGroups(groupA, groupB), nil
}

// NoRunsError reports a group that has no runs.
type NoRunsError struct {
	Group string // A or B
	Of    store.Selection
}

func (e *NoRunsError) Error() string {
	text := fmt.Sprintf("group %s has no runs: none meets %q", e.Group, e.Of.String())
	if e.Of.State != "" {
		text += "; state=any takes runs of any state"
	}
	return text
}

func storedGroup(ctx context.Context, s store.Store, name string, of store.Selection, prepare []func(*projections.Record)) (*Group, error) {
	runs, err := store.Select(ctx, s, of)
	if err != nil {
		return nil, err
	}
	if len(runs) == 0 {
		return nil, &NoRunsError{name, of}
	}
	g := NewGroup(of.String())
	return g, EachStored(ctx, s, runs, prepare, g.Add)
}

// AssumeEnded treats a run without run_finished as ended, unless a job of it is active.
func AssumeEnded(r *projections.Record) {
	r.Run.Ended = r.Run.Ended || r.Run.State != projections.Active
}
