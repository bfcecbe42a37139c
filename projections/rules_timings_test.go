package projections_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/quire-ci/quire-project/projections"
)

const (
	minMs = math.MinInt64
	maxMs = math.MaxInt64
)

func TestRunTimingRules(t *testing.T) {
	type timing = projections.RunTiming
	give(t, func(r *projections.Record) []timing { return []timing{r.Timings.Run} }, []example[timing]{
		{"nothing read", nil, []timing{{null, null, null, ms(0), ms(0), 0}}},
		{"the first and the last event, of whatever kind", events{
			unknown(10), jobStarted(20, "a"), unknown(70),
		}, []timing{{ms(10), ms(70), ms(60), ms(0), ms(0), 1}}},
		{"stream order, not the clock's", events{
			unknown(10), unknown(90), unknown(5), unknown(30),
		}, []timing{{ms(10), ms(30), ms(20), ms(0), ms(0), 0}}},
		{"a wall time that would be negative is null", events{
			unknown(10), unknown(9),
		}, []timing{{ms(10), ms(9), null, ms(0), ms(0), 0}}},
		{"a wall time that int64 cannot hold is null", events{
			unknown(minMs), unknown(0),
		}, []timing{{ms(minMs), ms(0), null, ms(0), ms(0), 0}}},
		{"the longest wall time that it can hold", events{
			unknown(-1), unknown(maxMs - 1),
		}, []timing{{ms(-1), ms(maxMs - 1), ms(maxMs), ms(0), ms(0), 0}}},
		{"busy counts overlapping jobs once, job_ms each", events{
			jobStarted(0, "a"), jobStarted(10, "b"), jobFinished(30, "a", complete), jobFinished(50, "b", complete),
			jobStarted(60, "c"), jobFinished(61, "c", complete),
		}, []timing{{ms(0), ms(61), ms(61), ms(51), ms(71), 2}}},
		{"a stretch that has not ended adds nothing", events{
			jobStarted(0, "a"), jobFinished(5, "a", complete), jobStarted(10, "b"), jobStarted(20, "c"), jobFinished(40, "c", complete),
		}, []timing{{ms(0), ms(40), ms(40), ms(5), ms(25), 2}}},
		{"a stretch that would be negative adds nothing", events{
			jobStarted(10, "a"), jobFinished(5, "a", complete), jobStarted(5, "b"), jobFinished(9, "b", complete),
		}, []timing{{ms(10), ms(9), null, ms(4), ms(4), 1}}},
		{"a stretch follows the stream: inner times do not count", events{
			jobStarted(10, "a"), jobStarted(0, "b"), jobFinished(99, "a", complete), jobFinished(20, "b", complete),
		}, []timing{{ms(10), ms(20), ms(10), ms(10), ms(109), 2}}},
		{"one that int64 cannot hold adds nothing", events{
			jobStarted(minMs, "a"), jobFinished(0, "a", complete), jobStarted(1, "b"), jobFinished(3, "b", complete),
		}, []timing{{ms(minMs), ms(3), null, ms(2), ms(2), 1}}},
		{"a sum that int64 cannot hold is null and stays so", events{
			jobStarted(0, "a"), jobFinished(maxMs, "a", complete), jobStarted(0, "b"), jobFinished(1, "b", complete),
			jobStarted(0, "c"), jobFinished(0, "c", complete),
		}, []timing{{ms(0), ms(0), ms(0), null, null, 1}}},
		{"the largest sum that it can hold", events{
			jobStarted(0, "a"), jobFinished(maxMs-1, "a", complete), jobStarted(0, "b"), jobFinished(1, "b", complete),
		}, []timing{{ms(0), ms(1), ms(1), ms(maxMs), ms(maxMs), 1}}},
		{"peak_jobs counts open jobs, not started ones, and no job twice", events{
			jobStarted(0, "a"), jobStarted(0, "a"), jobFinished(1, "a", complete), jobStarted(2, "a"), jobStarted(3, "b"),
			shStarted(4, "c", "x"), jobFinished(5, "d", complete), jobStarted(6, "d"),
		}, []timing{{ms(0), ms(6), ms(6), ms(1), ms(1), 1}}},
	})
}

func TestJobTimingRules(t *testing.T) {
	type timing = projections.JobTiming
	give(t, func(r *projections.Record) []timing { return r.Timings.Jobs }, []example[timing]{
		{"offset from the run's first event, gap from what its sh leave", events{
			unknown(100), jobStarted(110, "a"), shStarted(120, "a", "x"), shFinished(150, "a", 0), jobFinished(160, "a", complete),
		}, []timing{{"a", ms(10), ms(50), 1, ms(30), ms(20)}}},
		{"a job that only finishes has no offset and no duration", events{
			unknown(0), jobFinished(9, "a", complete), jobStarted(10, "a"),
		}, []timing{{"a", null, null, 0, ms(0), null}}},
		{"an offset that would be negative is null, the duration is not", events{
			unknown(100), jobStarted(90, "a"), jobFinished(95, "a", complete),
		}, []timing{{"a", null, ms(5), 0, ms(0), ms(5)}}},
		{"a duration that would be negative is null, and so is the gap", events{
			jobStarted(10, "a"), jobFinished(9, "a", complete),
		}, []timing{{"a", ms(0), null, 0, ms(0), null}}},
		{"a duration that int64 cannot hold is null", events{
			jobStarted(minMs, "a"), jobFinished(maxMs, "a", complete),
		}, []timing{{"a", ms(0), null, 0, ms(0), null}}},
		{"overlapping sh count once", events{
			jobStarted(0, "a"), shStarted(10, "a", "x"), shStarted(20, "a", "y"), shFinished(30, "a", 0), shFinished(40, "a", 0),
			jobFinished(100, "a", complete),
		}, []timing{{"a", ms(0), ms(100), 2, ms(30), ms(70)}}},
		{"a sh that never ran takes no time, and hides none", events{
			jobStarted(0, "a"), shStarted(10, "a", "no such"), shStarted(20, "a", "x"), shFinished(50, "a", 0), jobFinished(100, "a", failed),
		}, []timing{{"a", ms(0), ms(100), 2, ms(30), ms(70)}}},
		{"sh that lie side by side inside one that is longer", events{
			jobStarted(0, "a"), shStarted(0, "a", "out"), shStarted(10, "a", "x"), shFinished(20, "a", 0), shStarted(30, "a", "y"),
			shFinished(50, "a", 0), shFinished(60, "a", 0), shStarted(70, "a", "z"), shFinished(75, "a", 0), jobFinished(100, "a", complete),
		}, []timing{{"a", ms(0), ms(100), 4, ms(65), ms(35)}}},
		{"inside one whose clock went back, they count all the same, and once", events{
			jobStarted(0, "a"), shStarted(0, "a", "outer"), shStarted(50, "a", "out"), shStarted(10, "a", "x"), shFinished(30, "a", 0),
			shFinished(40, "a", 0), shFinished(25, "a", 0), jobFinished(100, "a", complete),
		}, []timing{{"a", ms(0), ms(100), 3, ms(25), ms(75)}}},
		{"inside one that is open when the job ends", events{
			jobStarted(0, "a"), shStarted(0, "a", "out"), shStarted(10, "a", "x"), shFinished(30, "a", 0),
			jobFinished(40, "a", complete), shFinished(50, "a", 0),
		}, []timing{{"a", ms(0), ms(40), 2, ms(20), ms(20)}}},
		{"more inside than int64 holds is null, and stays so", events{
			jobStarted(0, "a"), shStarted(0, "a", "out"), shStarted(0, "a", "x"), shFinished(maxMs, "a", 0),
			shStarted(0, "a", "y"), shFinished(1, "a", 0), shFinished(2, "a", 0), shStarted(0, "a", "z"), shFinished(1, "a", 0),
		}, []timing{{"a", ms(0), null, 4, null, null}}},
		{"all that int64 holds, inside and out", events{
			jobStarted(0, "a"), shStarted(0, "a", "out"), shStarted(0, "a", "x"), shFinished(maxMs-1, "a", 0),
			shStarted(0, "a", "y"), shFinished(1, "a", 0), shFinished(2, "a", 0),
		}, []timing{{"a", ms(0), null, 3, ms(maxMs), null}}},
		{"a gap that would be negative is null", events{
			jobStarted(0, "a"), shStarted(0, "a", "x"), shFinished(50, "a", 0), jobFinished(40, "a", complete),
		}, []timing{{"a", ms(0), ms(40), 1, ms(50), null}}},
		{"a stretch that is open when the job ends adds nothing, then or later", events{
			jobStarted(0, "a"), shStarted(0, "a", "x"), shFinished(5, "a", 0), shStarted(10, "a", "y"),
			jobFinished(20, "a", complete), shFinished(30, "a", 0),
		}, []timing{{"a", ms(0), ms(20), 2, ms(5), ms(15)}}},
		{"sh that start after the job's end are not its own", events{
			jobStarted(0, "a"), jobFinished(10, "a", complete), shStarted(11, "a", "x"), shFinished(12, "a", 0),
		}, []timing{{"a", ms(0), ms(10), 0, ms(0), ms(10)}}},
		{"sh of a job that has not started are", events{
			shStarted(1, "a", "x"), shFinished(4, "a", 0),
		}, []timing{{"a", null, null, 1, ms(3), null}}},
		{"a sum that int64 cannot hold is null, and so is the gap", events{
			jobStarted(0, "a"), shStarted(0, "a", "x"), shFinished(maxMs, "a", 0), shStarted(0, "a", "y"), shFinished(1, "a", 0),
			jobFinished(maxMs, "a", complete),
		}, []timing{{"a", ms(0), ms(maxMs), 2, null, null}}},
	})
}

func TestShTimingRules(t *testing.T) {
	type timing = projections.ShTiming
	give(t, func(r *projections.Record) []timing { return r.Timings.ShEvents }, []example[timing]{
		{"open", events{unknown(3), shStarted(5, "a", "x")}, []timing{{"a", 1, ms(2), null}}},
		{"closed", events{unknown(3), shStarted(5, "a", "x"), shFinished(5, "a", 0)}, []timing{{"a", 1, ms(2), ms(0)}}},
		{"negative", events{unknown(3), shStarted(1, "a", "x"), shFinished(0, "a", 0)}, []timing{{"a", 1, null, null}}},
		{"more than int64 holds", events{unknown(minMs), shStarted(0, "a", "x"), shFinished(maxMs, "a", 0)}, []timing{{"a", 1, null, ms(maxMs)}}},
		{"after its job's end", events{
			jobStarted(0, "a"), shStarted(1, "a", "x"), jobFinished(2, "a", complete), shFinished(9, "a", 0),
		}, []timing{{"a", 1, ms(1), ms(8)}}},
	})
}

func TestSlowestRules(t *testing.T) {
	type sh = projections.SlowSh
	give(t, func(r *projections.Record) []sh { return r.Timings.Slowest }, []example[sh]{
		{"what has no duration is not ranked", events{
			shStarted(0, "open", "x"), shStarted(9, "negative", "x"), shFinished(1, "negative", 0),
			shStarted(minMs, "endless", "x"), shFinished(maxMs, "endless", 0),
			shStarted(0, "a", "x"), shFinished(0, "a", 0),
		}, []sh{{"a", 1, 0}}},
		{"ties in the order in which they started, not ended", events{
			shStarted(0, "a", "x"), shStarted(5, "b", "x"), shStarted(10, "c", "x"),
			shFinished(20, "c", 0), shFinished(15, "b", 0), shFinished(20, "a", 0),
		}, []sh{{"a", 1, 20}, {"b", 1, 10}, {"c", 1, 10}}},
		{"ten, and of those that tie the first ten to start, though they end last", tied(11), ranked(10)},
		{"a slower one pushes the last out", append(tied(11), shStarted(0, "slow", "x"), shFinished(6, "slow", 0)),
			append([]sh{{"slow", 1, 6}}, ranked(9)...)},
	})
}

// tied returns the events of n sh that take 5 ms each; the last to start is
// the first to end.
func tied(n int) (stream events) {
	for i := range n {
		stream = append(stream, shStarted(0, fmt.Sprint(i), "x"))
	}
	for i := range n {
		stream = append(stream, shFinished(5, fmt.Sprint(n-1-i), 0))
	}
	return stream
}

// ranked returns the first n of them.
func ranked(n int) (rows []projections.SlowSh) {
	for i := range n {
		rows = append(rows, projections.SlowSh{JobID: fmt.Sprint(i), Seq: 1, DurationMs: 5})
	}
	return rows
}
