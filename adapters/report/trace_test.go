package report_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
)

// tracedEvent is an event of a trace.
type tracedEvent struct {
	Ph, Cat, Name, S string
	Pid, Tid         int
	Ts, Dur          *int64
	ID2              struct{ Local string }
	Args             json.RawMessage
}

// took returns the duration of a slice on a track.
func (e *tracedEvent) took() int64 {
	if e.Dur == nil {
		return 0
	}
	return *e.Dur
}

func (e *tracedEvent) end() int64 { return *e.Ts + e.took() }

// tracedArgs are the arguments of a slice.
type tracedArgs struct {
	JobID      *string `json:"job_id"`
	Seq        int     `json:"seq"`
	Cmd        *string `json:"cmd"`
	State      string  `json:"state"`
	ExitCode   *int32  `json:"exit_code"`
	Incomplete bool    `json:"incomplete"`
	Duration   string  `json:"duration"`
}

// shownAs returns what a viewer shows of a slice.
func (a tracedArgs) shownAs(start int64, end string) string {
	text, _ := json.Marshal(a)
	return fmt.Sprintf("%d to %s: %s", start, end, text)
}

// viewer loads the events of one process as Perfetto's trace processor does
// (src/trace_processor/importers/json, importers/common/slice_tracker.cc). It fails where Perfetto
// drops an event, moves it to another track, or counts an error.
type viewer struct {
	t       rapid.TB
	tracks  map[int][]*tracedEvent    // slices around the next one, innermost last, by thread
	async   map[string]*tracedEvent   // open async slices; nil if they have ended
	names   map[string]map[int]string // names from metadata events, by kind and thread
	slices  map[string]int            // how often each is shown
	counter [][2]int64                // times and values
}

// maxTraceDepth is Perfetto's limit for nested slices.
const maxTraceDepth = 512

// view loads a trace in the orders that versions of Perfetto use: all sort by time, and some put
// the longer slice first if two start together.
func view(t rapid.TB, trace string) map[int]*viewer {
	t.Helper()
	var document struct {
		DisplayTimeUnit string
		TraceEvents     []*tracedEvent
	}
	require.NoError(t, json.Unmarshal([]byte(trace), &document))
	require.Equal(t, "ms", document.DisplayTimeUnit)
	at := func(e *tracedEvent) int64 {
		if e.Ts == nil { // metadata
			return math.MinInt64
		}
		return *e.Ts
	}
	place := func(e *tracedEvent) int64 {
		if e.Ph != "X" {
			return 0
		}
		return -1 - *e.Dur
	}
	events := document.TraceEvents
	load(t, slices.SortedStableFunc(slices.Values(events), func(a, b *tracedEvent) int { return cmp.Compare(at(a), at(b)) }))
	return load(t, slices.SortedStableFunc(slices.Values(events), func(a, b *tracedEvent) int {
		return cmp.Or(cmp.Compare(at(a), at(b)), cmp.Compare(place(a), place(b)))
	}))
}

func load(t rapid.TB, events []*tracedEvent) map[int]*viewer {
	t.Helper()
	viewers := map[int]*viewer{}
	for _, e := range events {
		v := viewers[e.Pid]
		if v == nil {
			v = &viewer{t: t, tracks: map[int][]*tracedEvent{}, async: map[string]*tracedEvent{}, names: map[string]map[int]string{}, slices: map[string]int{}}
			viewers[e.Pid] = v
		}
		v.load(e)
	}
	for _, v := range viewers {
		for id, open := range v.async {
			if open != nil {
				t.Fatalf("async slice %s has no end", id)
			}
		}
	}
	return viewers
}

func (v *viewer) load(e *tracedEvent) {
	v.t.Helper()
	if e.Ph != "M" && (e.Ts == nil || *e.Ts < 0 || *e.Ts > 1<<53 || *e.Ts%1000 != 0) {
		v.t.Fatalf("%+v has no time that is shown", e)
	}
	if e.Name == "" || e.Pid == 0 || e.Tid == e.Pid || (e.Ph == "X") != (e.Dur != nil) || e.took() < 0 || (e.Ph == "i") != (e.S == "t") {
		v.t.Fatalf("%+v", e)
	}
	id := e.Cat + " " + e.ID2.Local
	begin, begun := v.async[id]
	if (e.Ph == "b" || e.Ph == "n") && (begun || e.ID2.Local == "") {
		v.t.Fatalf("async slice %s begins twice", id)
	}
	switch e.Ph {
	case "M":
		v.metadata(e)
	case "C":
		var args struct{ Running *int64 }
		require.NoError(v.t, json.Unmarshal(e.Args, &args))
		v.counter = append(v.counter, [2]int64{*e.Ts / 1000, *args.Running})
	case "X", "i":
		v.nest(e)
		v.show(e, e.Dur)
	case "n":
		v.async[id] = nil
		v.show(e, nil)
	case "b":
		v.async[id] = e
	case "e":
		if begin == nil || begin.Name != e.Name {
			v.t.Fatalf("async slice %s begins as %+v and ends as %+v", id, begin, e)
		}
		v.async[id] = nil
		took := *e.Ts - *begin.Ts
		v.show(begin, &took)
	default:
		v.t.Fatalf("%+v", e)
	}
}

// nest puts a slice on its track.
func (v *viewer) nest(e *tracedEvent) {
	track := v.tracks[e.Tid]
	for n := len(track); n > 0; n = len(track) {
		if end := track[n-1].end(); end > *e.Ts || end == *e.Ts && track[n-1].took() == 0 && e.took() == 0 {
			break
		}
		track = track[:n-1]
	}
	for _, around := range track {
		if *e.Ts < around.end() && e.end() > around.end() {
			v.t.Fatalf("%+v crosses %+v", e, around)
		}
	}
	if len(track) == maxTraceDepth {
		v.t.Fatalf("%+v lies too deep", e)
	}
	v.tracks[e.Tid] = append(track, e)
}

// show counts a slice of that duration; nil is an instant.
func (v *viewer) show(e *tracedEvent, took *int64) {
	var args tracedArgs
	require.NoError(v.t, json.Unmarshal(e.Args, &args))
	want, end := *args.JobID, "?"
	if args.Cmd != nil {
		want, _, _ = strings.Cut(strings.TrimSpace(*args.Cmd), "\n")
	}
	if cut, ok := strings.CutSuffix(e.Name, "…"); e.Name != cmp.Or(want, `""`) && !(ok && strings.HasPrefix(want, cut) && len([]rune(cut)) == 119) {
		v.t.Fatalf("%q is called %q", want, e.Name)
	}
	if (e.Cat == "command") != (args.Cmd != nil) {
		v.t.Fatalf("%+v is a %s", args, e.Cat)
	}
	if took != nil {
		end = fmt.Sprint((*e.Ts + *took) / 1000)
	}
	v.slices[args.shownAs(*e.Ts/1000, end)]++
}

func (v *viewer) metadata(e *tracedEvent) {
	var args struct {
		Name      string
		SortIndex *int32 `json:"sort_index"`
	}
	require.NoError(v.t, json.Unmarshal(e.Args, &args))
	if v.names[e.Name] == nil {
		v.names[e.Name] = map[int]string{}
	}
	if args.SortIndex != nil {
		args.Name = fmt.Sprint(*args.SortIndex)
	}
	if v.names[e.Name][e.Tid] != "" || args.Name == "" {
		v.t.Fatalf("%+v", e)
	}
	v.names[e.Name][e.Tid] = args.Name
}

// A viewer shows each job and each command of a trace once, with what is known of its time and its
// verdict; each job on a track with its name, in the order of the stream; and the number of running
// jobs whenever it changes. Slices whose times a trace cannot express are counted.
func TestTrace(t *testing.T) {
	forEach(t, func(t rapid.TB, entries []domain.Entry) {
		viewers := view(t, writeAll(t, report.Trace, report.Options{}, entries, entries))
		run := record(t, entries)
		require.Len(t, viewers, 2)
		for pid, v := range viewers {
			checkTrace(t, run, pid, v)
		}
	})
}

func checkTrace(t rapid.TB, run *projections.Record, pid int, v *viewer) {
	t.Helper()
	want, left := map[string]int{}, 0
	changes := map[int64]bool{}
	type span struct{ from, to int64 }
	var running []span
	last := run.Timings.Run.LastAtMs.V
	show := func(args tracedArgs, start int64, end projections.Null[int64]) (shown bool) {
		if args.Incomplete = !end.Valid; args.Incomplete {
			end.V = last
		}
		to := fmt.Sprint(end.V)
		if end.V < start {
			args.Duration, to, end.V = "unknown", "?", start
		}
		if start < 0 || end.V > 1<<53/1000 {
			left++
			return false
		}
		want[args.shownAs(start, to)]++
		return args.Duration == ""
	}
	for i, job := range run.Jobs {
		args := tracedArgs{JobID: &job.JobID, State: string(job.State), ExitCode: pointer(job.ExitCode)}
		switch {
		case job.StartedAtMs.Valid:
			if show(args, job.StartedAtMs.V, job.FinishedAtMs) {
				changes[job.StartedAtMs.V] = true
				s := span{job.StartedAtMs.V, math.MaxInt64}
				if job.FinishedAtMs.Valid {
					s.to = job.FinishedAtMs.V
					changes[s.to] = true
				}
				running = append(running, s)
			}
		case job.FinishedAtMs.V < 0 || job.FinishedAtMs.V > 1<<53/1000:
			left++
		case job.FinishedAtMs.Valid:
			args.Duration = "unknown"
			want[args.shownAs(job.FinishedAtMs.V, "?")]++
		}
		tid := pid + 1 + i
		require.Equal(t, cmp.Or(job.JobID, `""`), v.names["thread_name"][tid])
		require.Equal(t, fmt.Sprint(i), v.names["thread_sort_index"][tid])
	}
	for _, sh := range run.ShEvents {
		show(tracedArgs{JobID: &sh.JobID, Seq: sh.Seq, Cmd: &sh.Cmd, ExitCode: pointer(sh.ExitCode)}, sh.StartedAtMs, sh.FinishedAtMs)
	}
	require.Equal(t, want, v.slices)
	var counter [][2]int64
	for at := range changes {
		n := int64(0)
		for _, s := range running {
			if s.from <= at && at < s.to {
				n++
			}
		}
		counter = append(counter, [2]int64{at, n})
	}
	slices.SortFunc(counter, func(a, b [2]int64) int { return cmp.Compare(a[0], b[0]) })
	require.Equal(t, counter, v.counter)
	require.Equal(t, fmt.Sprint(pid), v.names["process_sort_index"][0])
	if name := v.names["process_name"][0]; !strings.HasPrefix(name, "run-1 ") || strings.Contains(name, fmt.Sprintf(", %d not shown", left)) != (left > 0) {
		t.Fatalf("%d are not shown, and the process is called %q", left, name)
	}
}

func pointer(n projections.Null[int32]) *int32 {
	if !n.Valid {
		return nil
	}
	return &n.V
}

// Slices nested deeper than a viewer allows are written beside their track: commands that never
// end, and commands that take no time.
func TestDeepTrace(t *testing.T) {
	for name, next := range map[string]func(i int64) []domain.Event{
		"open": func(i int64) []domain.Event { return []domain.Event{domain.NewShStarted(i, "a", "make")} },
		"instant": func(int64) []domain.Event {
			return []domain.Event{domain.NewShStarted(5, "a", "make"), domain.NewShFinished(5, "a", 0)}
		},
		"backwards": func(int64) []domain.Event {
			return []domain.Event{domain.NewShStarted(5, "a", "make"), domain.NewShFinished(4, "a", 0)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			events := []domain.Event{domain.NewJobStarted(0, "a")}
			count := int64(2000)
			if name == "open" {
				count = 5000
			}
			for i := range count {
				events = append(events, next(i)...)
			}
			entries := laws.Entries(append(events, domain.NewJobFinished(70_000, "a", domain.Complete)))
			checkTrace(t, record(t, entries), 1, view(t, writeAll(t, report.Trace, report.Options{}, entries))[1])
		})
	}
}

// A run without events has a name, and nothing else.
func TestTraceOfNothing(t *testing.T) {
	v := view(t, writeAll(t, report.Trace, report.Options{}, nil))[1]
	assert.Equal(t, map[string]map[int]string{"process_name": {0: "run-1 unfinished"}, "process_sort_index": {0: "1"}}, v.names)
	assert.Empty(t, v.slices)
}

// Unusual streams give the expected traces.
func TestTraceOfOddStreams(t *testing.T) {
	got := writeAll(t, report.Trace, report.Options{}, laws.Entries([]domain.Event{
		domain.NewJobStarted(10, "a"),
		domain.NewShStarted(10, "a", "outer"),
		domain.NewShStarted(10, "a", "inner"),
		domain.NewShFinished(14, "a", 0),
		domain.NewShFinished(14, "a", 7),
		domain.NewShStarted(14, "a", "backwards"),
		domain.NewShFinished(13, "a", 0),
		domain.NewShStarted(9, "a", "crosses the job"),
		domain.NewShFinished(11, "a", 0),
		domain.NewShStarted(13, "a", "crosses outer"),
		domain.NewShFinished(15, "a", 0),
		domain.NewShStarted(-1, "a", "before 1970"),
		domain.NewShFinished(15, "a", 0),
		domain.NewShStarted(15, "a", "late\x00"),
		domain.NewJobFinished(20, "a", domain.Failed),
		domain.NewShFinished(21, "a", 1),
		domain.NewShStarted(21, "", ""),
		domain.NewJobFinished(25, "b", domain.Complete),
		domain.NewJobStarted(26, "c"),
		domain.NewRunFinished(30, domain.Failed),
	}))
	assert.Equal(t, `{"displayTimeUnit":"ms","otherData":{"schema":"quire-project/trace/v1"},"traceEvents":[
{"ph":"M","pid":1,"tid":2,"name":"thread_name","args":{"name":"a"}},
{"ph":"M","pid":1,"tid":2,"name":"thread_sort_index","args":{"sort_index":0}},
{"ph":"b","pid":1,"tid":2,"name":"crosses the job","cat":"command","ts":9000,"id2":{"local":"2.4"},"args":{"job_id":"a","seq":4,"cmd":"crosses the job","exit_code":0}},
{"ph":"e","pid":1,"tid":2,"name":"crosses the job","cat":"command","ts":11000,"id2":{"local":"2.4"}},
{"ph":"X","pid":1,"tid":2,"name":"a","cat":"job","ts":10000,"dur":10000,"cname":"terrible","args":{"job_id":"a","state":"failed","exit_code":0}},
{"ph":"X","pid":1,"tid":2,"name":"outer","cat":"command","ts":10000,"dur":4000,"cname":"terrible","args":{"job_id":"a","seq":1,"cmd":"outer","exit_code":7}},
{"ph":"X","pid":1,"tid":2,"name":"inner","cat":"command","ts":10000,"dur":4000,"args":{"job_id":"a","seq":2,"cmd":"inner","exit_code":0}},
{"ph":"b","pid":1,"tid":2,"name":"crosses outer","cat":"command","ts":13000,"id2":{"local":"2.5"},"args":{"job_id":"a","seq":5,"cmd":"crosses outer","exit_code":0}},
{"ph":"e","pid":1,"tid":2,"name":"crosses outer","cat":"command","ts":15000,"id2":{"local":"2.5"}},
{"ph":"i","pid":1,"tid":2,"name":"backwards","cat":"command","ts":14000,"s":"t","args":{"job_id":"a","seq":3,"cmd":"backwards","exit_code":0,"duration":"unknown"}},
{"ph":"b","pid":1,"tid":2,"name":"late\u0000","cat":"command","ts":15000,"id2":{"local":"2.7"},"cname":"terrible","args":{"job_id":"a","seq":7,"cmd":"late\u0000","exit_code":1}},
{"ph":"e","pid":1,"tid":2,"name":"late\u0000","cat":"command","ts":21000,"id2":{"local":"2.7"}},
{"ph":"M","pid":1,"tid":4,"name":"thread_name","args":{"name":"b"}},
{"ph":"M","pid":1,"tid":4,"name":"thread_sort_index","args":{"sort_index":2}},
{"ph":"i","pid":1,"tid":4,"name":"b","cat":"job","ts":25000,"s":"t","args":{"job_id":"b","state":"complete","duration":"unknown"}},
{"ph":"M","pid":1,"tid":3,"name":"thread_name","args":{"name":"\"\""}},
{"ph":"M","pid":1,"tid":3,"name":"thread_sort_index","args":{"sort_index":1}},
{"ph":"X","pid":1,"tid":3,"name":"\"\"","cat":"command","ts":21000,"dur":9000,"args":{"job_id":"","seq":1,"cmd":"","incomplete":true}},
{"ph":"M","pid":1,"tid":5,"name":"thread_name","args":{"name":"c"}},
{"ph":"M","pid":1,"tid":5,"name":"thread_sort_index","args":{"sort_index":3}},
{"ph":"X","pid":1,"tid":5,"name":"c","cat":"job","ts":26000,"dur":4000,"args":{"job_id":"c","state":"active","incomplete":true}},
{"ph":"C","pid":1,"tid":0,"name":"jobs","ts":10000,"args":{"running":1}},
{"ph":"C","pid":1,"tid":0,"name":"jobs","ts":20000,"args":{"running":0}},
{"ph":"C","pid":1,"tid":0,"name":"jobs","ts":26000,"args":{"running":1}},
{"ph":"M","pid":1,"tid":0,"name":"process_name","args":{"name":"run-1 failed, 1 not shown: before 1970 or after 2255"}},
{"ph":"M","pid":1,"tid":0,"name":"process_sort_index","args":{"sort_index":1}}
]}
`, got)
}
