package web

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/projections"
)

// axis maps times of the producer's clock to places on the time axis of a run.
type axis struct {
	// startMs and endMs are the first and the last time on the axis. While a run goes on, the
	// axis is longer than what has happened, so that bars stay where they are for a while.
	startMs, endMs int64
}

// axisWidth is the length of the axis in the units of its drawings.
const axisWidth = 100_000

// newAxis returns the axis of a run.
func newAxis(timing *projections.RunTiming, ended bool) axis {
	start, length := timing.StartedAtMs.V, max(timing.WallMs.V, 1)
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

// at returns the place of a time.
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

// tickSteps are the distances of ticks, in milliseconds; longer ones are days.
var tickSteps = []int64{
	1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000,
	1_800_000, 3_600_000, 7_200_000, 14_400_000, 21_600_000, 43_200_000, 86_400_000,
}

// maxTicks is how many marks have room on a narrow page.
const maxTicks = 4

// ticks returns some marks at round distances from the start of the run.
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

// bar is a part of a row of the timeline. Its kind is the name of a style.
type bar struct {
	X, Width int
	Kind     string
}

// fills are the colours of bars where a policy forbids the style sheet.
var fills = map[string]string{
	"job": "#c5ced8", "busy": "#8393a5", "failed": "#b42318", "open": "#e3b341", "complete": "#1a6e36", "tolerated": "#57606a", "unknown": "#8a5a00",
}

// Fill returns the colour of the bar.
func (b bar) Fill() string { return fills[b.Kind] }

// leastBar is the width of what has no width, such as a moment.
const leastBar = 100

// bar returns the bar of an interval.
func (a axis) bar(startMs, endMs int64, kind string) bar {
	x, end := a.at(startMs), a.at(endMs)
	width := max(end-x, leastBar)
	return bar{min(x, axisWidth-width), width, kind}
}

// interval is the time of a job.
type interval struct {
	job        int
	start, end int64
}

// alone returns for each of n jobs how many milliseconds it was the only one that ran: that
// much a run can become shorter if the job alone does.
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
	// The sum of the indexes of the jobs that run is the index of the job that runs alone.
	running, sum := 0, 0
	for i, c := range changes {
		if running == 1 {
			times[sum] += c.at - changes[i-1].at
		}
		running, sum = running+c.by, sum+c.by*c.job
	}
	return times
}

// merged returns the union of the intervals of a job's commands, as drawn: what touches or is
// closer than can be seen is one bar. So a job has few bars, however many commands it has.
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
