package web

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/quire-ci/quire-project/adapters/internal/display"
)

// axis maps times by the producer's clock to positions on the time axis of a run.
type axis struct {
	// startMs and endMs are the first and the last time on the axis. The axis of an active run
	// extends beyond its last event, so that bars do not move at every event.
	startMs, endMs int64
}

// axisWidth is the length of the axis in SVG units.
const axisWidth = 100_000

// newAxis returns the axis of a run of some length.
func newAxis(start, length int64, ended bool) axis {
	length = max(length, 1)
	if !ended {
		length = roundUp(length)
	}
	if start > math.MaxInt64-length {
		start = math.MaxInt64 - length
	}
	return axis{start, start + length}
}

// roundUp returns the least of 1, 1.25, 1.5 … 2, 2.5 … times a power of two seconds that is
// at least ms and one second.
func roundUp(ms int64) int64 {
	size := int64(1000)
	for size < ms && size < math.MaxInt64/8 {
		size *= 2
	}
	for quarter := size / 8; size-quarter >= ms && size > 1000; {
		size -= quarter
	}
	return max(size, ms)
}

// at returns the position of a time.
func (a axis) at(ms int64) int {
	switch {
	case ms <= a.startMs:
		return 0
	case ms >= a.endMs:
		return axisWidth
	}
	return int(float64(ms-a.startMs) / float64(a.endMs-a.startMs) * axisWidth)
}

// tick is a mark of the axis.
type tick struct{ Percent, Text string }

// tickSteps are the distances between ticks, in milliseconds; larger ones are whole days.
var tickSteps = []int64{
	1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000,
	1_800_000, 3_600_000, 7_200_000, 14_400_000, 21_600_000, 43_200_000, 86_400_000,
}

// maxTicks is how many ticks fit on a narrow page.
const maxTicks = 4

// ticks returns ticks at round distances from the start of the run.
func (a axis) ticks() (ticks []tick) {
	length := a.endMs - a.startMs
	step := tickSteps[len(tickSteps)-1]
	for _, s := range tickSteps {
		if length/s <= maxTicks {
			step = s
			break
		}
	}
	for length/step > maxTicks {
		step *= 2
	}
	for ms := step; ms < length-step/4 && ms > 0; ms += step {
		ticks = append(ticks, tick{fmt.Sprintf("%.3f%%", 100*float64(ms)/float64(length)), strings.Replace(display.Duration(ms), ".0s", "s", 1)})
	}
	return ticks
}

// bar is a part of a row of the timeline. Its kind is a CSS class.
type bar struct {
	X, Width int
	Kind     string
}

// fills are the colours of bars for documents whose policy forbids the style sheet.
var fills = map[string]string{
	"job": "#c5ced8", "busy": "#8393a5", "failed": "#b42318", "open": "#e3b341", "complete": "#1a6e36", "tolerated": "#57606a", "unknown": "#8a5a00",
}

// Fill returns the colour of the bar.
func (b bar) Fill() string { return fills[b.Kind] }

// leastBar is the width of bars that would otherwise be invisible, such as moments.
const leastBar = 100

// bar returns the bar of an interval.
func (a axis) bar(startMs, endMs int64, kind string) bar {
	x, end := a.at(startMs), a.at(endMs)
	width := max(end-x, leastBar)
	return bar{min(x, axisWidth-width), width, kind}
}

// interval is when a job ran.
type interval struct {
	job        int
	start, end int64
}

// alone returns for each of n jobs how many milliseconds no other job was running. A run can become
// shorter by at most that much if only this job does.
func alone(n int, jobs []interval) []int64 {
	type change struct {
		at  int64
		job int
		by  int
	}
	var changes []change
	for _, j := range jobs {
		if j.end > j.start {
			changes = append(changes, change{j.start, j.job, +1}, change{j.end, j.job, -1})
		}
	}
	slices.SortFunc(changes, func(a, b change) int { return cmp.Compare(a.at, b.at) })
	times := make([]int64, n)
	// sum is the sum of the indexes of the running jobs: if only one is running, its index.
	running, sum := 0, 0
	for i, c := range changes {
		if running == 1 {
			times[sum] += c.at - changes[i-1].at
		}
		running, sum = running+c.by, sum+c.by*c.job
	}
	return times
}

// merged returns the union of the intervals of a job's commands, as drawn: bars that touch, or
// whose gap is too small to see, become one. So a job has few bars, however many commands it has.
func merged(bars []bar) []bar {
	slices.SortFunc(bars, func(a, b bar) int { return cmp.Compare(a.X, b.X) })
	var union []bar
	for _, b := range bars {
		if last := len(union) - 1; last >= 0 && b.X <= union[last].X+union[last].Width+leastBar/2 {
			union[last].Width = max(union[last].Width, b.X+b.Width-union[last].X)
			continue
		}
		union = append(union, b)
	}
	return union
}
