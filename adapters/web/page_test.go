package web

import (
	"math"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/projections"
)

// A place on the axis is in it, and a later time has no earlier place, whatever the clock said.
func TestAxis(t *testing.T) {
	times := rapid.OneOf(rapid.Int64(), rapid.Int64Range(1_795_444_914_000, 1_795_444_999_000), rapid.SampledFrom([]int64{math.MinInt64, math.MaxInt64, 0}))
	rapid.Check(t, func(t *rapid.T) {
		first, last := times.Draw(t, "first"), times.Draw(t, "last")
		timing := projections.RunTiming{StartedAtMs: projections.Some(first), LastAtMs: projections.Some(last), WallMs: projections.Span(first, last)}
		a := newAxis(&timing, rapid.Bool().Draw(t, "ended"))
		require.Less(t, a.startMs, a.endMs)
		if timing.WallMs.Valid {
			require.GreaterOrEqual(t, a.endMs, last)
		}
		x, y := times.Draw(t, "x"), times.Draw(t, "y")
		require.True(t, a.at(x) >= 0 && a.at(x) <= axisWidth)
		require.LessOrEqual(t, a.at(min(x, y)), a.at(max(x, y)))
		b := a.bar(x, y, "job")
		require.True(t, b.X >= 0 && b.Width >= leastBar && b.X+b.Width <= axisWidth, "%+v", b)
		require.LessOrEqual(t, len(a.ticks()), maxTicks)
	})
}

// What jobs are alone for is what a slow count finds, millisecond by millisecond.
func TestAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 6).Draw(t, "jobs")
		var jobs []interval
		for i := range n {
			start := rapid.Int64Range(0, 30).Draw(t, "start")
			jobs = append(jobs, interval{i, start, rapid.Int64Range(0, 30).Draw(t, "end")})
		}
		want := make([]int64, n)
		for ms := range int64(30) {
			running := []int{}
			for _, j := range jobs {
				if j.start <= ms && ms < j.end {
					running = append(running, j.job)
				}
			}
			if len(running) == 1 {
				want[running[0]]++
			}
		}
		require.Equal(t, want, alone(n, jobs))
	})
}

// An id in a path is the id that comes out of it.
func TestPaths(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.OneOf(rapid.SampledFrom([]string{"", ".", "..", "~", "a/b", "%2e", "\xff", "\x00"}), rapid.String()).Draw(t, "id")
		part := pathOf(id)
		require.NotContains(t, part, "/")
		require.NotContains(t, []string{"", ".", ".."}, part)
		unescaped, err := url.PathUnescape(part)
		require.NoError(t, err)
		require.Equal(t, id, idIn(unescaped))
	})
}
