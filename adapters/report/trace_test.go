package report_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// tracedEvent is an event of a trace as a viewer reads it.
type tracedEvent struct {
	Ph, Cat, Name, ID string
	Pid, Tid          int
	Ts, Dur           milliseconds
	Args              struct {
		Name       string
		JobID      *string `json:"job_id"`
		Seq        int
		Jobs       int
		Incomplete bool
		Duration   string
	}
}

// milliseconds are written as whole microseconds.
type milliseconds int64

func (m *milliseconds) UnmarshalJSON(text []byte) error {
	if string(text) == "0" {
		*m = 0
		return nil
	}
	digits, ok := strings.CutSuffix(string(text), "000")
	n, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil {
		return fmt.Errorf("%s is no time: %w", text, err)
	}
	*m = milliseconds(n)
	return nil
}

func (e *tracedEvent) end() int64 { return int64(e.Ts) + int64(e.Dur) }

func traceOf(t rapid.TB, runs ...[]domain.Entry) []tracedEvent {
	t.Helper()
	var document struct{ TraceEvents []tracedEvent }
	if err := json.Unmarshal([]byte(writeAll(t, report.Trace, report.Options{}, runs...)), &document); err != nil {
		t.Fatal(err)
	}
	return document.TraceEvents
}

// A trace shows what a viewer needs and accepts: each job and each command once, as what is
// known of its time; slices that nest on their tracks; pairs of async events; a name for each
// track; and the number of jobs that run.
func TestTrace(t *testing.T) {
	forEach(t, func(t rapid.TB, entries []domain.Entry) {
		events := traceOf(t, entries, entries)
		for pid := 1; pid <= 2; pid++ {
			own := slices.DeleteFunc(slices.Clone(events), func(e tracedEvent) bool { return e.Pid != pid })
			checkSlices(t, record(t, entries), own)
			checkNesting(t, own)
			checkCounter(t, record(t, entries), own)
		}
	})
}

// checkSlices holds the events of a run to its rows.
func checkSlices(t rapid.TB, run *projections.Record, events []tracedEvent) {
	t.Helper()
	got, tracks := map[string]int{}, map[int]string{}
	for i := range events {
		e := &events[i]
		switch e.Ph {
		case "X", "b", "i":
			end := "unknown"
			if e.Ph == "X" {
				end = fmt.Sprint(e.end())
			} else if e.Ph == "b" {
				close := slices.IndexFunc(events, func(other tracedEvent) bool { return other.Ph == "e" && other.ID == e.ID && other.Cat == e.Cat })
				end = fmt.Sprint(int64(events[close].Ts))
			}
			got[fmt.Sprintf("%q %d from %d to %s, incomplete: %v", *e.Args.JobID, e.Args.Seq, e.Ts, end, e.Args.Incomplete)]++
			if (e.Ph == "i") != (e.Args.Duration == "unknown") {
				t.Fatalf("%+v", e)
			}
		case "M":
			if e.Name == "thread_name" {
				tracks[e.Tid] = e.Args.Name
			}
		}
	}
	want := map[string]int{}
	last := run.Timings.Run.LastAtMs
	add := func(job string, seq int, start, end projections.Null[int64]) {
		incomplete := !end.Valid
		if incomplete {
			end = last
		}
		from, to := start.V, "unknown"
		if !start.Valid {
			from = end.V
		} else if projections.Span(start.V, end.V).Valid {
			to = fmt.Sprint(end.V)
		}
		want[fmt.Sprintf("%q %d from %d to %s, incomplete: %v", job, seq, from, to, incomplete)]++
	}
	for i, job := range run.Jobs {
		if job.StartedAtMs.Valid || job.FinishedAtMs.Valid {
			add(job.JobID, 0, job.StartedAtMs, job.FinishedAtMs)
		}
		if name := tracks[i+1]; name != cmp.Or(job.JobID, `""`) {
			t.Fatalf("track %d is called %q, want %q", i+1, name, job.JobID)
		}
	}
	for _, sh := range run.ShEvents {
		add(sh.JobID, sh.Seq, projections.Some(sh.StartedAtMs), sh.FinishedAtMs)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("the trace has\n%v\nwant\n%v", got, want)
	}
}

// checkNesting holds the slices of each track to what a viewer accepts: in the order of their
// times, each begins when what it does not lie in has ended. Of those that begin at the same time, the outer
// one is written first.
func checkNesting(t rapid.TB, events []tracedEvent) {
	t.Helper()
	tracks := map[int][]tracedEvent{}
	async := map[string]int{}
	for _, e := range events {
		switch e.Ph {
		case "X":
			tracks[e.Tid] = append(tracks[e.Tid], e)
		case "b":
			async[e.Cat+e.ID]++
		case "e":
			async[e.Cat+e.ID] += 10
		}
	}
	for id, n := range async {
		if n != 11 {
			t.Fatalf("async slice %s begins and ends %d times", id, n)
		}
	}
	for _, track := range tracks {
		slices.SortStableFunc(track, func(a, b tracedEvent) int { return cmp.Compare(a.Ts, b.Ts) })
		var open []int64
		for _, e := range track {
			for len(open) > 0 && open[len(open)-1] <= int64(e.Ts) {
				open = open[:len(open)-1]
			}
			if len(open) > 0 && open[len(open)-1] < e.end() {
				t.Fatalf("%+v does not nest", e)
			}
			open = append(open, e.end())
		}
	}
}

// checkCounter holds the counter to the jobs that run at each of its times.
func checkCounter(t rapid.TB, run *projections.Record, events []tracedEvent) {
	t.Helper()
	for _, e := range events {
		if e.Ph != "C" {
			continue
		}
		running := 0
		for _, job := range run.Jobs {
			end := job.FinishedAtMs
			if !end.Valid {
				end = run.Timings.Run.LastAtMs
			}
			if job.StartedAtMs.Valid && projections.Span(job.StartedAtMs.V, end.V).Valid &&
				job.StartedAtMs.V <= int64(e.Ts) && (!job.FinishedAtMs.Valid || int64(e.Ts) < end.V) {
				running++
			}
		}
		if e.Args.Jobs != running {
			t.Fatalf("at %d, %d jobs run, want %d", e.Ts, e.Args.Jobs, running)
		}
	}
}
