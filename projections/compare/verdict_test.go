package compare

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// ended is a run whose commands have the given durations.
func ended(at int, durations ...int64) *projections.Record {
	r := &projections.Record{}
	r.Run = projections.Run{RunID: domain.RunID("run-" + strconv.Itoa(at)), State: projections.Complete, Ended: true}
	now := int64(at) * 1e9
	r.Timings.Run.StartedAtMs = projections.Some(now)
	for i, ms := range durations {
		r.ShEvents = append(r.ShEvents, projections.ShEvent{
			JobID: "job", Seq: i + 1, Cmd: "step " + strconv.Itoa(i), StartedAtMs: now, FinishedAtMs: projections.Some(now + ms), ExitCode: projections.Some[int32](0),
		})
		now += ms
	}
	r.Timings.Run.LastAtMs, r.Timings.Run.WallMs = projections.Some(now), projections.Some(now-r.Timings.Run.StartedAtMs.V)
	return r
}

// verdicts returns the verdicts on the commands of the last run, given the runs before it.
func verdicts(runs ...*projections.Record) (*Comparison, []Verdict) {
	b := runs[len(runs)-1]
	c, earlier := Runs(runs[len(runs)-2], b), Earlier(b)
	for _, r := range runs {
		earlier.Add(r)
	}
	c.Judge(earlier)
	found := make([]Verdict, len(b.ShEvents))
	for _, command := range c.Commands {
		if command.index >= 0 {
			found[command.index] = command.Verdict
		}
	}
	return c, found
}

// Verdicts need enough runs, a significant rank, and a change above the floor.
func TestVerdicts(t *testing.T) {
	for _, test := range []struct {
		earlier  int
		usual    int64
		own      int64
		expected Verdict
	}{
		{9, 10_000, 90_000, None},
		{10, 10_000, 90_000, None}, // being slower than 10 has a chance of 9 %
		{18, 10_000, 90_000, None},
		{19, 10_000, 90_000, Slower},
		{19, 10_000, 5_000, Faster},
		{19, 10_000, 11_000, None}, // not more than a second
		{19, 10_000, 11_001, Slower},
		{19, 100_000, 105_000, None}, // not more than 5 %
		{19, 100_000, 105_001, Slower},
		{19, 100_000, 95_000, None},
		{19, 100_000, 94_999, Faster},
	} {
		var runs []*projections.Record
		for i := range test.earlier {
			runs = append(runs, ended(i, test.usual, 10))
		}
		c, got := verdicts(append(runs, ended(99, test.own, 11))...)
		assert.Equal(t, []Verdict{test.expected, None}, got, "%+v", test)
		assert.Equal(t, test.earlier, c.History.Runs)
	}
}

// Runs that no verdict may use are left out and named.
func TestRunsThatAreLeftOut(t *testing.T) {
	var runs []*projections.Record
	for i := range 25 {
		runs = append(runs, ended(i, 10_000))
	}
	runs[3].Run.Ended = false
	runs[4].Diagnostics = []projections.Diagnostic{{Code: projections.ClockBackwards}}
	runs[5].Run.State = projections.Failed
	runs[6].Labels = []projections.Label{{Key: "repo", Value: "other"}}
	runs[7].Timings.Run.StartedAtMs = projections.Some[int64](1e15)
	c, got := verdicts(append(runs, ended(99, 90_000))...)
	assert.Equal(t, []Verdict{Slower}, got)
	assert.Equal(t, History{Runs: 20, Tested: 1, LeftOut: []LeftOut{
		{"run-3", "it has no run_finished"}, {"run-4", "its clock went backwards"},
		{"run-5", "it ended differently: failed"}, {"run-7", "it is not earlier"},
	}}, c.History)

	last := ended(99, 90_000)
	last.Run.Ended = false
	c, got = verdicts(append(runs, last)...)
	assert.Equal(t, []Verdict{None}, got)
	assert.Contains(t, strings.Join(c.Notes, "\n"), "there are no verdicts")
}

// simulation has runs of 12 commands, which usually take from half a second to five minutes. Each command
// has its own noise, and each run has some that all commands share.
type simulation struct {
	random *rand.Rand
	noise  float64
}

var usual = []float64{500, 800, 1_000, 2_000, 3_000, 5_000, 8_000, 20_000, 40_000, 60_000, 120_000, 300_000}

const slowed = 9 // the command that gets slower; it takes a minute

func (s *simulation) run(at int, slowdown float64) *projections.Record {
	machine, durations := s.factor(s.noise/2), make([]int64, len(usual))
	for i, ms := range usual {
		if i == slowed {
			ms *= 1 + slowdown
		}
		durations[i] = int64(ms * machine * s.factor(s.noise))
	}
	return ended(at, durations...)
}

func (s *simulation) factor(noise float64) float64 { return math.Exp(noise * s.random.NormFloat64()) }

// judge returns the percentages of simulated runs in which another command is slower, another one is
// faster, and the slowed one is slower.
func (s *simulation) judge(history, runs int, slowdown float64) (slower, faster, found float64) {
	each := 100 / float64(runs)
	for range runs {
		var all []*projections.Record
		for i := range history {
			all = append(all, s.run(i, 0))
		}
		_, got := verdicts(append(all, s.run(history, slowdown))...)
		any := map[Verdict]float64{}
		for i, verdict := range got {
			switch {
			case slowdown == 0 || i != slowed:
				any[verdict] = each
			case verdict == Slower:
				found += each
			}
		}
		slower, faster = slower+any[Slower], faster+any[Faster]
	}
	return slower, faster, found
}

const figures = "../../docs/compare.md"

// The figures in docs/compare.md are those of simulated runs. Without a change, at most 5 % of runs have a
// slower command, and at most 5 % a faster one.
func TestRatesOfVerdicts(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, on one goroutine")
	}
	var table strings.Builder
	table.WriteString("| noise | earlier runs | falsely slower | falsely faster | finds 10 % | 20 % | 50 % | 100 % |\n| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n")
	for _, noise := range []float64{0.02, 0.1} {
		for _, history := range []int{10, 20, 40, 100} {
			s := &simulation{rand.New(rand.NewPCG(17, uint64(history))), noise}
			slower, faster, _ := s.judge(history, 400, 0)
			assert.LessOrEqual(t, slower, 5.0, "falsely slower: noise %v, %d runs", noise, history)
			assert.LessOrEqual(t, faster, 5.0, "falsely faster: noise %v, %d runs", noise, history)
			fmt.Fprintf(&table, "| %.0f %% | %d | %.1f %% | %.1f %% |", 100*noise, history, slower, faster)
			for _, slowdown := range []float64{0.1, 0.2, 0.5, 1} {
				_, _, found := s.judge(history, 100, slowdown)
				fmt.Fprintf(&table, " %.0f %% |", found)
			}
			table.WriteString("\n")
		}
	}
	page, err := os.ReadFile(figures)
	require.NoError(t, err)
	assert.Contains(t, string(page), table.String(), "the figures are\n%s", table.String())
}
