package compare

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/projections"
)

// groupOf returns a group of runs whose commands have the given durations, some milliseconds longer in
// each further run.
func groupOf(first, runs int, durations ...int64) *Group {
	g := NewGroup("")
	for i := range runs {
		longer := make([]int64, len(durations))
		for j, ms := range durations {
			longer[j] = ms + int64(i)
		}
		g.Add(ended(first+i, longer...))
	}
	return g
}

// Verdicts on groups need enough runs of both, a significant test, and a change above the floor.
func TestGroupVerdicts(t *testing.T) {
	for _, test := range []struct {
		a, b          int
		before, after int64
		expected      Verdict
	}{
		{9, 40, 10_000, 90_000, None},
		{40, 9, 10_000, 90_000, None},
		{10, 10, 10_000, 90_000, Slower},
		{10, 10, 90_000, 10_000, Faster},
		{10, 10, 10_000, 11_000, None}, // not more than a second
		{10, 10, 10_000, 11_001, Slower},
		{10, 10, 100_000, 105_000, None}, // not more than 5 %
		{10, 10, 100_000, 105_005, Slower},
	} {
		g := CompareGroups(groupOf(0, test.a, test.before, 10), groupOf(1000, test.b, test.after, 10))
		require.Len(t, g.Commands, 2)
		if test.a == test.b {
			assert.Equal(t, test.after-test.before, g.Commands[0].Explains())
		}
		assert.Equal(t, []Verdict{test.expected, None, test.expected}, []Verdict{g.Commands[0].Verdict, g.Commands[1].Verdict, g.Wall.Verdict}, "%+v", test)
	}
}

// Unusable runs are left out and named. Notes mention runs in both groups and runs of several pipelines.
func TestGroupsThatAreDoubtful(t *testing.T) {
	a, b := groupOf(0, 20, 10_000), groupOf(100, 20, 90_000)
	open, backwards := ended(200, 1), ended(201, 1)
	open.Run.Ended = false
	backwards.Diagnostics = []projections.Diagnostic{{Code: projections.ClockBackwards}}
	b.Add(open)
	b.Add(backwards)
	b.Add(backwards)
	g := CompareGroups(a, b)
	assert.Equal(t, []LeftOut{{"run-200", "it has no run_finished"}, {"run-201", "its clock went backwards"}}, g.B.LeftOut)
	assert.Equal(t, 20, g.B.Runs)
	assert.Equal(t, Slower, g.Commands[0].Verdict)
	assert.Empty(t, g.Notes)

	none := NewGroup("")
	lost := ended(400, 1)
	lost.Run.Ended = false
	none.Add(lost)
	assert.Equal(t, []string{"group A has no run that can be compared: all are left out"}, CompareGroups(none, b).Notes)

	other := ended(300, 1)
	other.Labels = []projections.Label{{Key: "pipeline", Value: "nightly"}}
	b.Add(other)
	assert.Equal(t, []string{"the runs are of 2 pipelines (labels repo and pipeline): name one with pipeline=NAME"}, CompareGroups(a, b).Notes)

	b.Add(ended(0, 10_000))
	g = CompareGroups(a, b)
	assert.Equal(t, None, g.Commands[0].Verdict)
	assert.Contains(t, g.Notes, "there are no verdicts: the groups have runs in common")
}

// A run without run_finished counts if it is assumed to have ended, unless it is active.
func TestAssumeEnded(t *testing.T) {
	for state, expected := range map[projections.State]bool{projections.Active: false, projections.Complete: true, projections.Failed: true} {
		r := &projections.Record{Run: projections.Run{State: state}}
		AssumeEnded(r)
		assert.Equal(t, expected, r.Run.Ended, state)
	}
}

// Each command that ended is in one sample, by its place among those of the same text; the order of runs does not
// matter, and swapping the groups negates all shifts.
func TestGroupsCount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string, first int) (all []*projections.Record) {
			for i := range rapid.IntRange(0, 4).Draw(t, name) {
				r := ended(first + i)
				for range rapid.IntRange(0, 6).Draw(t, "commands") {
					sh := projections.ShEvent{JobID: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "job"), Cmd: rapid.SampledFrom([]string{"x", "y 12345", "y 54321"}).Draw(t, "cmd"), ExitCode: projections.Some[int32](0)}
					if rapid.Bool().Draw(t, "ended") {
						sh.FinishedAtMs = projections.Some(rapid.Int64Range(0, 9).Draw(t, "ms"))
					}
					r.ShEvents = append(r.ShEvents, sh)
				}
				all = append(all, r)
			}
			return all
		}
		of := func(all []*projections.Record) *Group {
			g := NewGroup("")
			for _, r := range all {
				g.Add(r)
			}
			return g
		}
		a, b := draw("a", 0), draw("b", 10)
		g := CompareGroups(of(a), of(b))
		counted := func(all []*projections.Record, c *GroupCommand) (n int) {
			for _, r := range all {
				nth := 0
				for _, sh := range r.ShEvents {
					if sh.JobID == c.JobID && Normal(sh.Cmd) == c.Cmd {
						if nth++; nth == c.Nth && sh.FinishedAtMs.Valid {
							n++
						}
					}
				}
			}
			return n
		}
		runs := func(s *Sample) int {
			if s == nil {
				return 0
			}
			return s.Runs
		}
		total := 0
		for i := range g.Commands {
			c := &g.Commands[i]
			require.Equal(t, [2]int{counted(a, c), counted(b, c)}, [2]int{runs(c.A), runs(c.B)})
			total += runs(c.A) + runs(c.B)
		}
		for _, r := range append(a, b...) {
			for _, sh := range r.ShEvents {
				if sh.FinishedAtMs.Valid {
					total--
				}
			}
		}
		require.Zero(t, total)
		require.Equal(t, g, CompareGroups(of(rapid.Permutation(a).Draw(t, "order")), of(b)))
		back := CompareGroups(of(b), of(a))
		require.Len(t, back.Commands, len(g.Commands))
		for _, c := range back.Commands {
			for _, other := range g.Commands {
				if c.JobID == other.JobID && c.Cmd == other.Cmd && c.Nth == other.Nth {
					require.Equal(t, [2]*Sample{other.B, other.A}, [2]*Sample{c.A, c.B})
					require.InDelta(t, -other.Explains(), c.Explains(), 1)
				}
			}
		}
	})
}

// judgeGroups returns the percentage of pairs of simulated groups with a verdict other than on the slowed
// command and the whole run, and the percentage in which that command is slower.
func (s *simulation) judgeGroups(runs, pairs int, slowdown float64) (falsely, found float64) {
	each := 100 / float64(pairs)
	slowCommand := fmt.Sprint("step ", slowed)
	for range pairs {
		a, b := NewGroup(""), NewGroup("")
		for i := range runs {
			a.Add(s.run(2*i, 0))
			b.Add(s.run(2*i+1, slowdown))
		}
		g := CompareGroups(a, b)
		any := slowdown == 0 && g.Wall.Verdict != None
		for i := range g.Commands {
			switch c := &g.Commands[i]; {
			case slowdown == 0 || c.Cmd != slowCommand:
				any = any || c.Verdict != None
			case c.Verdict == Slower:
				found += each
			}
		}
		if any {
			falsely += each
		}
	}
	return falsely, found
}

// The figures of groups in docs/compare.md are those of simulated runs. Without a change, at most 5 % of
// pairs of groups have a verdict.
func TestRatesOfGroups(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, on one goroutine")
	}
	var table strings.Builder
	table.WriteString("| noise | runs in each group | falsely | finds 5 % | 10 % | 20 % | 50 % |\n| ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n")
	for _, noise := range []float64{0.02, 0.1, 0.3} {
		for _, runs := range []int{10, 20, 40} {
			s := &simulation{rand.New(rand.NewPCG(18, uint64(runs))), noise}
			falsely, _ := s.judgeGroups(runs, 400, 0)
			assert.LessOrEqual(t, falsely, 5.0, "noise %v, %d runs", noise, runs)
			fmt.Fprintf(&table, "| %.0f %% | %d | %.1f %% |", 100*noise, runs, falsely)
			for _, slowdown := range []float64{0.05, 0.1, 0.2, 0.5} {
				_, found := s.judgeGroups(runs, 100, slowdown)
				fmt.Fprintf(&table, " %.0f %% |", found)
			}
			table.WriteString("\n")
		}
	}
	page, err := os.ReadFile(figures)
	require.NoError(t, err)
	assert.Contains(t, string(page), table.String(), "the figures are\n%s", table.String())
}
