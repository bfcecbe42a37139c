package compare

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/perf/benchmath"
	"pgregory.net/rapid"
)

// values draws durations, many of them equal.
func values(t *rapid.T, name string, least, most int) []int64 {
	highest := rapid.SampledFrom([]int64{3, 20, 1 << 40}).Draw(t, "highest")
	return rapid.SliceOfN(rapid.Int64Range(0, highest), least, most).Draw(t, name)
}

func sampleOf(values []int64) *benchmath.Sample {
	floats := make([]float64, len(values))
	for i, v := range values {
		floats[i] = float64(v)
	}
	return benchmath.NewSample(floats, &benchmath.DefaultThresholds)
}

func distinct(values []int64) bool {
	sorted := slices.Sorted(slices.Values(values))
	return len(slices.Compact(sorted)) == len(values)
}

// The rank test has the probabilities of benchmath, except for few values that are equal in part (up to 25 a group): there,
// benchmath takes the distribution as symmetric.
func TestRankTestIsBenchmath(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := values(t, "a", 2, 60), values(t, "b", 2, 60)
		all := append(slices.Clone(a), b...)
		want := benchmath.AssumeNothing.Compare(sampleOf(a), sampleOf(b))
		if len(want.Warnings) > 0 && want.P == 1 {
			return // all are equal
		}
		got := rankTest(a, b)
		switch {
		case distinct(all) && len(all) <= exactly, !distinct(all) && len(all) > exactly && max(len(a), len(b)) > 25:
			require.InDelta(t, want.P, got, 1e-9)
		case distinct(all):
			require.InDelta(t, want.P, got, 0.01) // benchmath counts the ways for up to 50 in each group
		}
		require.InDelta(t, rankTest(b, a), got, 1e-9)
	})
}

// The probability is the share among all divisions of the values into two groups.
func TestRankTestIsAsDefined(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := values(t, "a", 1, 5), values(t, "b", 1, 5)
		all := append(slices.Clone(a), b...)
		// rankSum is twice the sum of the ranks of the chosen values.
		rankSum := func(chosen func(int) bool) (sum int) {
			for i, v := range all {
				if !chosen(i) {
					continue
				}
				for _, w := range all {
					switch {
					case w < v:
						sum += 2
					case w == v:
						sum++
					}
				}
				sum++
			}
			return sum
		}
		own := rankSum(func(i int) bool { return i < len(a) })
		ways, least, most := 0.0, 0.0, 0.0
		for set := range 1 << len(all) {
			chosen := func(i int) bool { return set>>i&1 == 1 }
			n := 0
			for i := range all {
				if chosen(i) {
					n++
				}
			}
			if n != len(a) {
				continue
			}
			ways++
			if sum := rankSum(chosen); sum <= own {
				least++
				if sum == own {
					most++
				}
			} else {
				most++
			}
		}
		require.InDelta(t, min(1, 2*min(least, most)/ways), rankTest(a, b), 1e-9)
	})
}

// The interval of a median has the confidence, is in the middle, and is no wider than it must be; benchmath's is
// the same, or narrower at one end.
func TestIntervalsOfMedians(t *testing.T) {
	for n := 1; n <= 300; n++ {
		all := make([]int64, n)
		for i := range all {
			all[i] = int64(i + 1)
		}
		got := medianOf(all)
		covers := func(low int64) (p float64) { // the probability that at least low and at most n-low are below
			for k := low; k <= int64(n)-low; k++ {
				p += math.Exp(logChoose(n, int(k)) - float64(n)*math.Ln2)
			}
			return p
		}
		require.Equal(t, n >= 6, got.Low.Valid)
		require.Less(t, covers(got.Low.V+1), confidence, n)
		if !got.Low.Valid {
			continue
		}
		require.Equal(t, int64(n)+1, got.Low.V+got.High.V)
		require.GreaterOrEqual(t, covers(got.Low.V), confidence, n)
		want := benchmath.AssumeNothing.Summary(sampleOf(all), confidence)
		require.InDelta(t, want.Lo, float64(got.Low.V), 1)
		require.InDelta(t, want.Hi, float64(got.High.V), 1)
		require.InDelta(t, want.Center, float64(got.Ms), 0.5)
	}
}

// A shift moves with the values, is negated if the groups are swapped, and lies between its bounds.
func TestShift(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, by := values(t, "a", 1, 40), values(t, "b", 1, 40), rapid.Int64Range(0, 1000).Draw(t, "by")
		got := shift(a, b)
		require.True(t, !got.Low.Valid || got.Low.V <= got.Ms && got.Ms <= got.High.V)
		moved := slices.Clone(b)
		for i := range moved {
			moved[i] += by
		}
		later, back := shift(a, moved), shift(b, a)
		require.Equal(t, [3]int64{got.Ms + by, got.Low.V, got.High.V}, [3]int64{later.Ms, later.Low.V - by*bit(got.Low.Valid), later.High.V - by*bit(got.Low.Valid)})
		require.Equal(t, [2]int64{-got.High.V, -got.Low.V}, [2]int64{back.Low.V, back.High.V})
		require.InDelta(t, -got.Ms, back.Ms, 1) // the mean of two is rounded
	})
}

func bit(set bool) int64 {
	if set {
		return 1
	}
	return 0
}

// The true shift is in 95 of 100 intervals, and the true median too.
func TestIntervalsCover(t *testing.T) {
	random := rand.New(rand.NewPCG(17, 3))
	sample := func(n int, usual float64) (all []int64) {
		for range n {
			all = append(all, int64(usual+1000*random.NormFloat64()))
		}
		return all
	}
	for _, size := range [][2]int{{10, 10}, {10, 30}, {40, 40}} {
		shifts, medians := 0, 0
		const tries = 2000
		for range tries {
			a, b := sample(size[0], 10_000), sample(size[1], 13_000)
			if by := shift(a, b); by.Low.V <= 3000 && by.High.V >= 3000 {
				shifts++
			}
			if m := medianOf(b); m.Low.V <= 13_000 && m.High.V >= 13_000 {
				medians++
			}
		}
		assert.InDelta(t, 0.955, float64(shifts)/tries, 0.015, "%v", size)
		assert.Greater(t, float64(medians)/tries, 0.94, "%v", size)
	}
}

// Corrected probabilities keep their order, and agree with the threshold of Benjamini and Hochberg.
func TestCorrected(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		chances := rapid.SliceOfN(rapid.SampledFrom([]float64{0.0001, 0.004, 0.01, 0.02, 0.04, 0.06, 0.5, 1}), 0, 12).Draw(t, "chances")
		most := threshold(chances)
		for i, p := range corrected(chances) {
			require.True(t, (chances[i] <= most) == (p <= falsely) || math.Abs(p-falsely) < 1e-12, p)
			require.GreaterOrEqual(t, p, chances[i])
			require.LessOrEqual(t, p, 1.0)
		}
	})
}
