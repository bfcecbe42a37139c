package trends

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
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
)

func pointsOf(durations ...int64) (points []point) {
	for i, ms := range durations {
		points = append(points, point{&run{id: domain.RunID(strconv.Itoa(i))}, ms})
	}
	return points
}

// Without noise, each planted change that is large enough and has enough runs on each side is found, at its run.
func TestPlantedChangesAreFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var durations []int64
		var expected []Change
		ms := rapid.Int64Range(0, 100_000).Draw(t, "ms")
		for range rapid.IntRange(1, 5).Draw(t, "parts") {
			before := ms
			if len(durations) > 0 {
				delta := max(leastMs, before/leastPart) + rapid.Int64Range(1, 100_000).Draw(t, "delta")
				if ms += delta; rapid.Bool().Draw(t, "faster") && before >= delta {
					ms = before - delta
				}
				expected = append(expected, Change{RunID: domain.RunID(strconv.Itoa(len(durations))), BeforeMs: before, AfterMs: ms, DeltaMs: ms - before})
			}
			for range rapid.IntRange(leastRuns, 40).Draw(t, "runs") {
				durations = append(durations, ms)
			}
		}
		got := changes(pointsOf(durations...))
		for _, change := range got {
			require.Contains(t, expected, change)
		}
		require.Len(t, got, len(expected))
	})
}

// Changes that are too small or affect too few runs are not reported.
func TestSmallChangesAreNone(t *testing.T) {
	plant := func(before, after int64, runs int) []Change {
		var durations []int64
		for range 20 {
			durations = append(durations, before)
		}
		for range runs {
			durations = append(durations, after)
		}
		return changes(pointsOf(durations...))
	}
	assert.Empty(t, plant(10_000, 11_000, 20))
	assert.Len(t, plant(10_000, 11_001, 20), 1)
	assert.Empty(t, plant(100_000, 105_000, 20))
	assert.Len(t, plant(100_000, 105_001, 20), 1)
	assert.Len(t, plant(100_000, 94_999, 20), 1)
	assert.Len(t, plant(10_000, 20_000, leastRuns), 1)
	assert.Empty(t, plant(10_000, 20_000, leastRuns-1))
	assert.Empty(t, changes(nil))
}

// furthest returns the largest distance.
func TestFurthestIsAsDefined(t *testing.T) {
	mean := func(a, b []float64, pairs int) (sum float64) {
		for _, x := range a {
			for _, y := range b {
				sum += math.Abs(x - y)
			}
		}
		return sum / float64(pairs)
	}
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(0, 1000), 0, 40).Draw(t, "values")
		distance := func(at int) float64 {
			a, b := values[:at], values[at:]
			l, r := len(a), len(b)
			e := 2*mean(a, b, l*r) - mean(a, a, l*(l-1)) - mean(b, b, r*(r-1))
			return e * float64(l*r) / float64(l+r)
		}
		got := furthest(values)
		if len(values) < 2*leastRuns {
			require.Zero(t, got)
			return
		}
		for at := leastRuns; at <= len(values)-leastRuns; at++ {
			require.True(t, distance(at) <= distance(got)+1e-6, "%d is further than %d", at, got)
		}
	})
}

// The t-test gives the probabilities of published tables.
func TestTTest(t *testing.T) {
	for _, c := range []struct {
		freedom, t, p float64
	}{{1, 12.706, 0.05}, {5, 2.571, 0.05}, {10, 3.169, 0.01}, {8, 5.041, 0.001}, {30, 3.646, 0.001}, {120, 3.373, 0.001}, {398, 1.966, 0.05}, {10, 0.700, 0.5}} {
		assert.InEpsilon(t, c.p, incompleteBeta(c.freedom/(c.freedom+c.t*c.t), c.freedom/2, 0.5), 0.01, "%+v", c)
	}
	a, b := []float64{30.02, 29.99, 30.11, 29.97, 30.01, 29.99}, []float64{29.89, 29.93, 29.72, 29.98, 30.02, 29.98}
	assert.InDelta(t, 0.0786, tTest(a, b), 0.0001)
	assert.Equal(t, 1.0, tTest([]float64{1, 1}, []float64{1, 1}))
	assert.Zero(t, tTest([]float64{1, 1}, []float64{2, 2}))
}

// simulate returns the percentages of simulated histories with a change other than the planted one, with the planted
// one at its run, and with it within two runs. A command usually takes a minute, and twice that in every twentieth
// run. The change comes after two thirds of the runs.
func simulate(histories, runs int, noise, slowdown float64) (falsely, exact, near float64) {
	random := rand.New(rand.NewPCG(17, uint64(runs)))
	each := 100 / float64(histories)
	for range histories {
		begins := runs * 2 / 3
		var durations []int64
		for i := range runs {
			ms := 60_000 * math.Exp(noise*random.NormFloat64())
			if i >= begins {
				ms *= 1 + slowdown
			}
			if random.IntN(20) == 0 {
				ms *= 2
			}
			durations = append(durations, int64(ms))
		}
		other := false
		for _, change := range changes(pointsOf(durations...)) {
			at, _ := strconv.Atoi(string(change.RunID))
			off := max(at-begins, begins-at)
			if slowdown == 0 || off > 2 {
				other = true
				continue
			}
			near += each
			if off == 0 {
				exact += each
			}
		}
		if other {
			falsely += each
		}
	}
	return falsely, exact, near
}

const figures = "../../docs/trends.md"

// The figures in docs/trends.md are those of simulated histories. Without a change, at most 5 % show one.
func TestRatesOfChanges(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, on one goroutine")
	}
	var table strings.Builder
	table.WriteString("| noise | runs | falsely | finds 10 % | 20 % | 50 % | 100 % |\n| ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n")
	for _, noise := range []float64{0.02, 0.1} {
		for _, runs := range []int{20, 40, 100, 200} {
			none, _, _ := simulate(400, runs, noise, 0)
			assert.LessOrEqual(t, none, 5.0, "noise %v, %d runs", noise, runs)
			fmt.Fprintf(&table, "| %.0f %% | %d | %.1f %% |", 100*noise, runs, none)
			for _, slowdown := range []float64{0.1, 0.2, 0.5, 1} {
				_, exact, near := simulate(400, runs, noise, slowdown)
				fmt.Fprintf(&table, " %.0f, %.0f %% |", exact, near)
			}
			table.WriteString("\n")
		}
	}
	page, err := os.ReadFile(figures)
	require.NoError(t, err)
	assert.Contains(t, string(page), table.String(), "the figures are\n%s", table.String())
}
