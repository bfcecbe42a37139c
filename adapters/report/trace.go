package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/adapters/internal/jsonenc"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// trace writes runs in Chrome's JSON trace format, which Perfetto and chrome://tracing open:
// https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU.
// Each run is a process and each job a track of it. Times are in microseconds since the
// Unix epoch.
//
// The slices of a track have to nest. What would not nest becomes an async slice, and what has
// no known duration an instant.
type trace struct {
	out    io.Writer
	buffer []byte
	runs   int
	some   bool // events are written
}

// traceHead opens the document. Perfetto reads "ms" as the unit to show.
const traceHead = `{"displayTimeUnit":"ms","otherData":{"schema":"quire-project/trace/v1"},"traceEvents":[`

func newTrace(out io.Writer) document {
	return &trace{out: out, buffer: []byte(traceHead)}
}

// add folds the stream of the run called run, and returns the row of the run itself.
func (t *trace) add(run domain.RunID, stream projections.Stream, _ Options) (row projections.Run, err error) {
	t.runs++
	r := &tracedRun{trace: t, pid: t.runs, closed: map[int][]slice{}}
	row, err = fold(run, projections.BeforeEach(stream, t.relieve),
		[]projections.Member{projections.Into("report.trace", r, func(*projections.Row[none]) {})})
	if err != nil {
		return row, err
	}
	r.describe(&row)
	return row, t.relieve()
}

// close ends the document.
func (t *trace) close(int) error {
	t.buffer = append(t.buffer, "\n]}\n"...)
	_, err := t.out.Write(t.buffer)
	return err
}

// relieve writes what has been gathered, if that is much.
func (t *trace) relieve() error {
	if len(t.buffer) < flushSize {
		return nil
	}
	_, err := t.out.Write(t.buffer)
	t.buffer = t.buffer[:0]
	return err
}

// tracedRun writes the events of one run: those of a job once it ends, so that memory
// follows what is open. It is a projection without rows.
type tracedRun struct {
	*trace
	pid    int
	closed map[int][]slice // of each open job, by its index: the commands that have closed
	jobs   []change        // of the number of jobs that run
}

// slice is a job or a command on the track of its job.
type slice struct {
	start, end int64 // in milliseconds
	seq        int   // of a command; 0 for the job
	name       string
	args       string // members of a JSON object, each with a comma in front
	exit       int32
	incomplete bool // the end is the last event of the run
}

// change is a job that starts or ends.
type change struct {
	atMs int64
	by   int
}

func (r *tracedRun) Reduce(step *projections.Step, rows []projections.Row[none]) []projections.Row[none] {
	switch {
	case step.ShCloses:
		s := commandSlice(step.Sh, step.AtMs)
		s.exit = step.ExitCode
		s.args += `,"exit_code":` + strconv.Itoa(int(step.ExitCode))
		if step.Job.Final { // its track is written
			r.async(step.Job, s)
		} else {
			r.closed[step.Job.Index] = append(r.closed[step.Job.Index], s)
		}
	case step.JobEnds:
		r.job(step.Job, jobSlice(step.Job, step.Job.FinishedAtMs))
	}
	return rows
}

// Open is called once, at the end of the stream: it writes what is open, until the last event
// of the run, and the counter of jobs.
func (r *tracedRun) Open(run *projections.Tracker, rows []projections.Row[none]) []projections.Row[none] {
	run.EachOpenSh(func(job *projections.TrackedJob, sh *projections.TrackedSh) {
		s := commandSlice(sh, run.LastAtMs)
		s.incomplete = true
		if job.Final {
			r.async(job, s)
		} else {
			r.closed[job.Index] = append(r.closed[job.Index], s)
		}
	})
	for job := range run.Jobs() {
		if !job.Final {
			s := jobSlice(job, run.LastAtMs)
			s.incomplete = true
			r.job(job, s)
		}
	}
	r.running()
	return rows
}

// describe writes the name of the run and how it went.
func (r *tracedRun) describe(row *projections.Run) {
	before, behind := display.Around(string(row.RunID))
	word := display.OfRun(row).Word()
	r.named("process_name", 0, before+display.Name(string(row.RunID))+behind+word)
	r.sorted("process_sort_index", 0, r.pid)
}

// jobSlice is a job that ends at some time.
func jobSlice(job *projections.TrackedJob, endMs int64) slice {
	state := projections.Active
	if job.Final {
		state = stateOf(job)
	}
	args := `,"state":"` + string(state) + `"`
	if job.ExitCode.Valid {
		args += `,"exit_code":` + strconv.Itoa(int(job.ExitCode.V))
	}
	return slice{start: job.StartedAtMs, end: endMs, name: display.Name(job.ID), args: args}
}

// commandSlice is a command that ends at some time.
func commandSlice(sh *projections.TrackedSh, endMs int64) slice {
	args := `,"seq":` + strconv.Itoa(sh.Seq) + string(jsonenc.AppendString([]byte(`,"cmd":`), sh.Cmd))
	return slice{start: sh.StartedAtMs, end: endMs, seq: sh.Seq, name: title(sh.Cmd), args: args}
}

// title is the beginning of a command.
func title(cmd string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(cmd), "\n")
	return strings.Clone(cut(line, maxTitle))
}

// maxTitle is how many characters of a command its slice shows.
const maxTitle = 120

// known reports whether the slice has a duration.
func (s *slice) known() bool { return projections.Span(s.start, s.end).Valid }

// job writes the track of a job: the job, and the commands that lie in it or beside it.
func (r *tracedRun) job(job *projections.TrackedJob, own slice) {
	r.named("thread_name", job.Index+1, own.name)
	r.sorted("thread_sort_index", job.Index+1, job.Index)
	commands := r.closed[job.Index]
	delete(r.closed, job.Index)
	var track, beside []slice
	within := func(*slice) bool { return true }
	switch {
	case job.Started && own.known():
		track = append(track, own)
		within = func(s *slice) bool {
			return s.start >= own.start && s.end <= own.end || s.end <= own.start || s.start >= own.end
		}
		r.jobs = append(r.jobs, change{own.start, +1})
		if job.Final {
			r.jobs = append(r.jobs, change{own.end, -1})
		}
	case job.Started:
		r.instant(job, own, own.start)
	case job.Final:
		r.instant(job, own, own.end)
	}
	for i := range commands {
		if s := &commands[i]; s.known() && within(s) {
			track = append(track, *s)
		} else {
			beside = append(beside, *s)
		}
	}
	beside = append(beside, r.nested(job, track)...)
	for i := range beside {
		r.async(job, beside[i])
	}
}

// nested writes the slices of a track that nest, outer ones first, and returns the others.
func (r *tracedRun) nested(job *projections.TrackedJob, track []slice) (others []slice) {
	slices.SortFunc(track, func(a, b slice) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(b.end, a.end), cmp.Compare(a.seq, b.seq))
	})
	var ends []int64 // of the slices that the next one may lie in
	for i := range track {
		s := &track[i]
		for len(ends) > 0 && ends[len(ends)-1] <= s.start {
			ends = ends[:len(ends)-1]
		}
		if len(ends) > 0 && s.end > ends[len(ends)-1] {
			others = append(others, *s)
			continue
		}
		ends = append(ends, s.end)
		r.event("X", job, s, s.start)
		r.buffer = append(r.buffer, `,"dur":`...)
		r.microseconds(s.end - s.start)
		r.end(job, s)
	}
	return others
}

// async writes a slice that does not nest in its track.
func (r *tracedRun) async(job *projections.TrackedJob, s slice) {
	if !s.known() {
		r.instant(job, s, s.start)
		return
	}
	id := fmt.Sprintf(`,"id":"%d.%d.%d"`, r.pid, job.Index+1, s.seq)
	r.event("b", job, &s, s.start)
	r.buffer = append(r.buffer, id...)
	r.end(job, &s)
	r.event("e", job, &s, s.end)
	r.buffer = append(append(r.buffer, id...), '}')
}

// instant writes a slice whose duration is not known.
func (r *tracedRun) instant(job *projections.TrackedJob, s slice, atMs int64) {
	s.args += `,"duration":"unknown"`
	r.event("i", job, &s, atMs)
	r.buffer = append(r.buffer, `,"s":"t"`...)
	r.end(job, &s)
}

// event begins an event.
func (r *tracedRun) event(phase string, job *projections.TrackedJob, s *slice, atMs int64) {
	category := "command"
	if s.seq == 0 {
		category = "job"
	}
	r.begin(phase, job.Index+1, s.name)
	r.buffer = append(append(append(r.buffer, `,"cat":"`...), category...), `","ts":`...)
	r.microseconds(atMs)
}

// end ends an event with what more is known.
func (r *tracedRun) end(job *projections.TrackedJob, s *slice) {
	if failed := job.Outcome == domain.Failed; failed && (s.seq == 0 || s.exit != 0) {
		r.buffer = append(r.buffer, `,"cname":"terrible"`...) // red
	}
	r.buffer = append(r.buffer, `,"args":{`...)
	r.buffer = jsonenc.AppendString(append(r.buffer, `"job_id":`...), job.ID)
	r.buffer = append(r.buffer, s.args...)
	if s.incomplete {
		r.buffer = append(r.buffer, `,"incomplete":true`...)
	}
	r.buffer = append(r.buffer, "}}"...)
}

// begin begins an event. A thread of 0 is none.
func (r *tracedRun) begin(phase string, thread int, name string) {
	if r.some {
		r.buffer = append(r.buffer, ',')
	}
	r.some = true
	r.buffer = fmt.Appendf(r.buffer, "\n"+`{"ph":"%s","pid":%d,"tid":%d,"name":`, phase, r.pid, thread)
	r.buffer = jsonenc.AppendString(r.buffer, name)
}

// microseconds writes milliseconds as microseconds, which an int64 need not hold.
func (t *trace) microseconds(ms int64) {
	t.buffer = strconv.AppendInt(t.buffer, ms, 10)
	if ms != 0 {
		t.buffer = append(t.buffer, "000"...)
	}
}

// named names a process or a thread.
func (r *tracedRun) named(what string, thread int, name string) {
	r.begin("M", thread, what)
	r.buffer = append(jsonenc.AppendString(append(r.buffer, `,"args":{"name":`...), name), "}}"...)
}

// sorted gives a process or a thread its place among the others.
func (r *tracedRun) sorted(what string, thread, place int) {
	r.begin("M", thread, what)
	r.buffer = fmt.Appendf(r.buffer, `,"args":{"sort_index":%d}}`, place)
}

// running writes how many jobs run, whenever that changes.
func (r *tracedRun) running() {
	slices.SortStableFunc(r.jobs, func(a, b change) int { return cmp.Compare(a.atMs, b.atMs) })
	running := 0
	for i, c := range r.jobs {
		running += c.by
		if i+1 < len(r.jobs) && r.jobs[i+1].atMs == c.atMs {
			continue
		}
		r.begin("C", 0, "running jobs")
		r.buffer = append(r.buffer, `,"ts":`...)
		r.microseconds(c.atMs)
		r.buffer = fmt.Appendf(r.buffer, `,"args":{"jobs":%d}}`, running)
	}
}
