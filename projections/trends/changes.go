package trends

import (
	"math"
	"slices"
)

const (
	// leastRuns is the least number of runs on each side of a change.
	leastRuns = 6
	// significance is the largest probability that any change of a series is found by chance.
	significance = 0.001
	// leastMs is the change, and 1/leastPart of the duration before it too, that one exceeds.
	leastMs, leastPart = 1000, 20
)

// around is how many other runs, half of them before it, say whether a run is an outlier.
const around = 6

// withoutOutliers returns the durations, those limited that are far beyond the others around them:
// a single slow run would hide a change from a t-test. The largest and the smallest of the others do
// not count, and a change stays where it is.
func withoutOutliers(points []point) []float64 {
	values := make([]float64, len(points))
	for i := range points {
		values[i] = float64(points[i].ms)
		if len(points) <= around {
			continue
		}
		from := min(max(0, i-around/2), len(points)-around-1)
		var others []int64
		for j := from; j <= from+around; j++ {
			if j != i {
				others = append(others, points[j].ms)
			}
		}
		slices.Sort(others)
		low, high := float64(others[1]), float64(others[around-2])
		values[i] = min(max(values[i], low-(high-low)), high+(high-low))
	}
	return values
}

// changes finds change points by E-divisive means. It splits the series where both sides differ
// most, and then each side again, as long as there are enough runs, since changes up and down can
// hide in the whole. Then it drops, weakest first, the points that a t-test of the two neighbouring
// parts does not confirm, or whose change is small.
func changes(points []point) []Change {
	values := withoutOutliers(points)
	bounds := append(append([]int{0}, split(values, 0)...), len(values))
	for len(bounds) > 2 {
		weakest, p := 0, -1.0
		for i := 1; i < len(bounds)-1; i++ {
			if at := chance(points, values, bounds[i-1], bounds[i], bounds[i+1]); at > p {
				weakest, p = i, at
			}
		}
		if p <= significance/float64(len(points)) {
			break
		}
		bounds = append(bounds[:weakest], bounds[weakest+1:]...)
	}
	found := []Change{}
	for i := 1; i < len(bounds)-1; i++ {
		first := points[bounds[i]].of
		before, after := median(points[bounds[i-1]:bounds[i]]), median(points[bounds[i]:bounds[i+1]])
		found = append(found, Change{RunID: first.id, StartedAtMs: first.began, BeforeMs: before, AfterMs: after, DeltaMs: after - before})
	}
	return found
}

// chance is the probability that the means of two neighbouring parts differ at least this much by
// chance; 1 if the change is too small to matter, or if the run next to it shows that fewer than
// leastRuns have it.
func chance(points []point, values []float64, from, at, to int) float64 {
	before, after := median(points[from:at]), median(points[at:to])
	if delta := after - before; max(delta, -delta) <= max(leastMs, before/leastPart) {
		return 1
	}
	if to-at == leastRuns && nearer(points[at].ms, before, after) || at-from == leastRuns && nearer(points[at-1].ms, after, before) {
		return 1
	}
	return tTest(values[from:at], values[at:to])
}

// nearer reports whether a duration is nearer to a than to b.
func nearer(ms, a, b int64) bool { return max(ms-a, a-ms) < max(ms-b, b-ms) }

func median(points []point) int64 {
	all := make([]int64, len(points))
	for i := range points {
		all[i] = points[i].ms
	}
	return quantile(all, 0.5)
}

// split returns where values may change, in order. offset is where they begin.
func split(values []float64, offset int) []int {
	at := furthest(values)
	if at == 0 {
		return nil
	}
	return append(append(split(values[:at], offset), offset+at), split(values[at:], offset+at)...)
}

// furthest returns where to split values so that both sides have the largest energy distance, or 0 if
// there are too few of them.
func furthest(values []float64) (at int) {
	n, most := len(values), math.Inf(-1)
	var left, right, between float64 // sums of the distances of pairs
	for i := range values {
		right += distances(values[i], values[:i])
	}
	for i := range n - leastRuns {
		toLeft, toRight := distances(values[i], values[:i]), distances(values[i], values[i+1:])
		left, right, between = left+toLeft, right-toRight, between-toLeft+toRight
		l, r := float64(i+1), float64(n-i-1)
		if i+1 < leastRuns {
			continue
		}
		distance := l * r / (l + r) * (2*between/(l*r) - 2*left/(l*(l-1)) - 2*right/(r*(r-1)))
		if distance > most {
			at, most = i+1, distance
		}
	}
	return at
}

func distances(from float64, to []float64) (sum float64) {
	for _, v := range to {
		sum += math.Abs(from - v)
	}
	return sum
}

// tTest is Student's t-test: the probability that the means of two samples differ at least this
// much by chance.
func tTest(a, b []float64) float64 {
	meanA, squaresA := moments(a)
	meanB, squaresB := moments(b)
	freedom := float64(len(a) + len(b) - 2)
	spread := (squaresA + squaresB) / freedom * (1/float64(len(a)) + 1/float64(len(b)))
	difference := (meanA - meanB) * (meanA - meanB)
	if difference == 0 {
		return 1
	}
	if spread == 0 {
		return 0
	}
	return incompleteBeta(freedom/(freedom+difference/spread), freedom/2, 0.5)
}

// moments returns the mean, and the sum of the squares of the distances from it.
func moments(values []float64) (mean, squares float64) {
	for _, v := range values {
		mean += v / float64(len(values))
	}
	for _, v := range values {
		squares += (v - mean) * (v - mean)
	}
	return mean, squares
}

// incompleteBeta is the regularized incomplete beta function, as a continued fraction (Lentz's
// method).
func incompleteBeta(x, a, b float64) float64 {
	if x <= 0 || x >= 1 {
		return min(max(x, 0), 1)
	}
	if x > (a+1)/(a+b+2) { // where the fraction converges slowly
		return 1 - incompleteBeta(1-x, b, a)
	}
	lgAB, _ := math.Lgamma(a + b)
	lgA, _ := math.Lgamma(a)
	lgB, _ := math.Lgamma(b)
	front := math.Exp(lgAB-lgA-lgB+a*math.Log(x)+b*math.Log1p(-x)) / a
	const tiny = 1e-300
	notZero := func(v float64) float64 {
		if math.Abs(v) < tiny {
			return tiny
		}
		return v
	}
	c, d := 1.0, 1/notZero(1-(a+b)*x/(a+1))
	fraction := d
	for i := 1; i < 500; i++ {
		m := float64(i)
		for _, term := range []float64{
			m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m)),
			-(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1)),
		} {
			d, c = 1/notZero(1+term*d), notZero(1+term/c)
			fraction *= c * d
		}
		if math.Abs(c*d-1) < 1e-15 {
			break
		}
	}
	return front * fraction
}
