package compare

import (
	"math"
	"slices"

	"github.com/quire-ci/quire-project/projections"
)

const (
	// confidence is the confidence level of intervals.
	confidence = 0.95
	// exactly is up to how many values in both groups the distribution of ranks is counted; beyond that,
	// it is as good as normal.
	exactly = 30
	// quantile975 is the normal distribution's.
	quantile975 = 1.959963984540054
)

// Interval is an estimate in milliseconds, with the bounds of its 95 % confidence interval. The
// bounds are null if there are too few values.
type Interval struct {
	Ms   int64                   `json:"ms"`
	Low  projections.Null[int64] `json:"low_ms"`
	High projections.Null[int64] `json:"high_ms"`
}

// between returns the interval from the kth lowest to the kth highest of sorted values; with k = 0
// there is none.
func between(sorted []int64, k int) Interval {
	of := Interval{Ms: middle(sorted)}
	if k > 0 {
		of.Low, of.High = projections.Some(sorted[k-1]), projections.Some(sorted[len(sorted)-k])
	}
	return of
}

// medianOf returns the median of values, which it sorts, and its interval: from the value that is kth from
// below to the one that is kth from above, for the largest k that has the confidence.
func medianOf(values []int64) Interval {
	slices.Sort(values)
	n, k, below := len(values), 0, 0.0
	for { // below: the probability that at most k values are below the true median
		if below += math.Exp(logChoose(n, k) - float64(n)*math.Ln2); below > (1-confidence)/2 {
			return between(values, k)
		}
		k++
	}
}

func logChoose(n, k int) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return a - b - c
}

// middle returns the median of sorted values.
func middle(sorted []int64) int64 {
	low, high := sorted[(len(sorted)-1)/2], sorted[len(sorted)/2]
	return low + (high-low)/2
}

// shift is the Hodges-Lehmann estimate of how much longer b is than a: the median of the differences of all
// pairs. Its interval belongs to the rank test: it has the shifts that this would not reject.
func shift(a, b []int64) Interval {
	differences := make([]int64, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			differences = append(differences, y-x)
		}
	}
	slices.Sort(differences)
	return between(differences, bound(len(a), len(b)))
}

// bound returns the rank of the difference of a pair that is the lower bound of the shift; 0 if
// there are too few values for the confidence level.
func bound(n, m int) int {
	if n+m > exactly {
		return max(0, int(math.Floor(float64(n*m)/2-quantile975*math.Sqrt(float64(n*m)*float64(n+m+1)/12))))
	}
	ranks := make([]int, n+m)
	for i := range ranks {
		ranks[i] = i + 1
	}
	chances, k, below := rankSums(ranks, n), 0, 0.0
	for sum := n * (n + 1) / 2; ; sum++ {
		if below += chances[sum]; below > (1-confidence)/2 {
			return k
		}
		k++
	}
}

// rankTest is the test of Mann, Whitney and Wilcoxon, on both sides: the probability that the values of two
// groups are so far apart in their common order, if nothing has changed. Equal values have the mean of their ranks.
func rankTest(a, b []int64) float64 {
	all := append(slices.Clone(a), b...)
	slices.Sort(all)
	ranks := make([]int, len(all)) // twice the ranks, which are whole numbers
	of := map[int64]int{}
	ties := 0.0
	for from := 0; from < len(all); {
		to := from + 1
		for to < len(all) && all[to] == all[from] {
			to++
		}
		for i := from; i < to; i++ {
			ranks[i] = from + to + 1
		}
		of[all[from]] = from + to + 1
		same := float64(to - from)
		ties += same*same*same - same
		from = to
	}
	sum := 0
	for _, v := range a {
		sum += of[v]
	}
	n, m, all2 := float64(len(a)), float64(len(b)), float64(len(all))
	if len(all) > exactly {
		spread := math.Sqrt(n * m / 12 * (all2 + 1 - ties/(all2*(all2-1))))
		off := math.Abs(float64(sum)/2-n*(all2+1)/2) - 0.5 // as the sum goes in steps
		if spread == 0 || off <= 0 {
			return 1
		}
		return math.Erfc(off / spread / math.Sqrt2)
	}
	least, most := 0.0, 0.0
	for s, chance := range rankSums(ranks, len(a)) {
		if s <= sum {
			least += chance
		}
		if s >= sum {
			most += chance
		}
	}
	return min(1, 2*min(least, most))
}

// rankSums returns the probability of each sum of n of the ranks.
func rankSums(ranks []int, n int) []float64 {
	total := 0
	for _, rank := range ranks {
		total += rank
	}
	counts := make([][]float64, n+1) // of ways, by how many ranks and their sum
	for i := range counts {
		counts[i] = make([]float64, total+1)
	}
	counts[0][0] = 1
	reached := 0
	for i, rank := range ranks {
		reached += rank
		for taken := min(n, i+1); taken > 0; taken-- {
			to, from := counts[taken][rank:reached+1], counts[taken-1]
			for sum := len(to) - 1; sum >= 0; sum-- {
				to[sum] += from[sum]
			}
		}
	}
	ways := math.Exp(logChoose(len(ranks), n))
	for i := range counts[n] {
		counts[n][i] /= ways
	}
	return counts[n]
}

// corrected returns the probabilities as Benjamini and Hochberg correct them for their number.
func corrected(chances []float64) []float64 {
	order := make([]int, len(chances))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		switch {
		case chances[i] > chances[j]:
			return -1
		case chances[i] < chances[j]:
			return 1
		}
		return i - j
	})
	result, least := make([]float64, len(chances)), 1.0
	for n, i := range order {
		least = min(least, chances[i]*(float64(len(chances))/float64(len(chances)-n))) // not less than itself, however it is rounded
		result[i] = least
	}
	return result
}
