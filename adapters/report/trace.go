package report

import (
	"bufio"
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
// https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU. Each run is a
// process, and each job a track of it. Times are whole microseconds since the Unix epoch.
//
// The slices of a track have to nest. A slice that would not nest becomes an async slice, and one
// of unknown duration an instant event.
type trace struct {
	out    *bufio.Writer
	buffer []byte // the event being written
	runs   int
	some   bool // an event has been written
}

const (
	traceHead = `{"displayTimeUnit":"ms","otherData":{"schema":"quire-project/trace/v1"},"traceEvents":[`
	// lastTraceMs is the latest time of a trace: JavaScript has whole microseconds up to 2^53, in
	// the year 2255. Perfetto drops times before 1970.
	lastTraceMs = 1 << 53 / 1000
	// maxTraceDepth limits the nesting of slices: Perfetto drops those deeper than 512.
	maxTraceDepth = 500
	// maxTitle is how many characters of a command its slice shows.
	maxTitle = 120
)

func newTrace(out io.Writer) document {
	t := &trace{out: bufio.NewWriterSize(out, flushSize)}
	t.out.WriteString(traceHead) // an error is returned by Close
	return t
}

// add folds the stream of a run, and returns the row of the run.
func (t *trace) add(run domain.RunID, stream projections.Stream, _ Options) (row projections.Run, err error) {
	t.runs++
	r := &tracedRun{trace: t, pid: t.runs, closed: map[int][]slice{}}
	row, err = fold(run, projections.BeforeEach(stream, t.broken), nil, projections.Observe(r.step, r.open))
	word := "could not be read"
	if err == nil {
		word = display.OfRun(&row).Word()
	}
	r.describe(run, word)
	return row, cmp.Or(err, t.broken())
}

// close ends the document.
func (t *trace) close(int) error {
	t.out.WriteString("\n]}\n")
	return t.out.Flush()
}

// broken returns the error of the writer, if it has one.
func (t *trace) broken() error {
	_, err := t.out.Write(nil)
	return err
}

// tracedRun writes the events of one run: those of a job when it ends, so that memory is
// proportional to what is open.
type tracedRun struct {
	*trace
	pid    int
	closed map[int][]slice // closed commands, by the index of their open job
	jobs   []change        // of the number of running jobs
	left   int             // number of slices outside the times of a trace
}

// slice is a job or a command on the track of its job.
type slice struct {
	start, end int64 // in milliseconds
	unknown    bool  // the duration is unknown, and end is start
	incomplete bool  // open; the end is that of the last event of the run
	seq        int   // of a command; 0 for a job
	cmd        string
	exit       projections.Null[int32]
}

// change is a job that starts or ends.
type change struct {
	atMs int64
	by   int
}

func (r *tracedRun) step(step *projections.Step) {
	switch {
	case step.ShCloses:
		r.command(step.Job, step.Sh, slice{end: step.AtMs, exit: projections.Some(step.ExitCode)})
	case step.JobEnds:
		r.job(step.Job, slice{end: step.Job.FinishedAtMs})
	}
}

// open, at the end of the stream, writes everything open, up to the last event
// of the run, and the counter of jobs.
func (r *tracedRun) open(run *projections.Tracker) {
	open := slice{end: run.LastAtMs, incomplete: true}
	run.EachOpenSh(func(job *projections.TrackedJob, sh *projections.TrackedSh) { r.command(job, sh, open) })
	for job := range run.Jobs() {
		if !job.Final {
			r.job(job, open)
		}
	}
	r.running()
}

// command keeps a command until its job ends, or writes it if the track of the job has been
// written.
func (r *tracedRun) command(job *projections.TrackedJob, sh *projections.TrackedSh, s slice) {
	s.seq, s.cmd = sh.Seq, sh.Cmd
	switch shown := s.from(sh.StartedAtMs); {
	case !shown:
		r.left++
	case job.Final:
		r.async(job, &s)
	default:
		r.closed[job.Index] = append(r.closed[job.Index], s)
	}
}

// from sets the start of a slice that has its end, and reports whether a trace can express these
// times.
func (s *slice) from(start int64) bool {
	if s.start = start; s.end < start {
		s.end, s.unknown = start, true
	}
	return s.start >= 0 && s.end <= lastTraceMs
}

// describe writes the name of the run, its verdict, and what is not shown.
func (r *tracedRun) describe(run domain.RunID, word string) {
	before, behind := display.Around(string(run))
	name := before + display.Name(string(run)) + behind + word
	if r.left > 0 {
		name += fmt.Sprintf(", %d not shown: before 1970 or after 2255", r.left)
	}
	r.metadata("process", 0, name, r.pid)
}

// job writes the track of a job: the job, and its commands, within the job or as async slices.
func (r *tracedRun) job(job *projections.TrackedJob, own slice) {
	r.metadata("thread", r.tid(job), display.Name(job.ID), job.Index)
	commands := r.closed[job.Index]
	delete(r.closed, job.Index)
	own.exit = job.ExitCode
	start := job.StartedAtMs
	if !job.Started { // only its end is known
		start, own.unknown = own.end, true
	}
	hasTime := job.Started || job.Final
	shown := hasTime && own.from(start)
	switch {
	case hasTime && !shown:
		r.left++
	case shown && !own.unknown:
		r.jobs = append(r.jobs, change{own.start, +1})
		if job.Final {
			r.jobs = append(r.jobs, change{own.end, -1})
		}
	}
	var track []slice
	if shown {
		track = append(track, own)
	}
	for i := range commands {
		if s := &commands[i]; shown && own.crosses(s) {
			r.async(job, s) // the job itself stays on its track
		} else {
			track = append(track, *s)
		}
	}
	r.nested(job, track)
}

// crosses reports whether two slices overlap without one containing the other.
func (s *slice) crosses(other *slice) bool {
	return s.start < other.start && other.start < s.end && s.end < other.end ||
		other.start < s.start && s.start < other.end && other.end < s.end
}

// nested writes the slices of a track that nest, outer ones first, and the others as async slices.
func (r *tracedRun) nested(job *projections.TrackedJob, track []slice) {
	slices.SortFunc(track, func(a, b slice) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(b.end, a.end), cmp.Compare(a.seq, b.seq))
	})
	var around []*slice // slices that may contain the next one
	for i := range track {
		s := &track[i]
		for len(around) > 0 && around[len(around)-1].isOver(s) {
			around = around[:len(around)-1]
		}
		if n := len(around); n == maxTraceDepth || n > 0 && s.end > around[n-1].end {
			r.async(job, s)
			continue
		}
		around = append(around, s)
		if s.unknown {
			r.event("i", job, s, s.start)
			r.buffer = append(r.buffer, `,"s":"t"`...)
		} else {
			r.event("X", job, s, s.start)
			r.microseconds(`,"dur":`, s.end-s.start)
		}
		r.args(job, s)
	}
}

// isOver reports whether a slice is over when next starts. Perfetto nests slices of length 0 at the
// same time.
func (s *slice) isOver(next *slice) bool {
	return s.end < next.start || s.end == next.start && (s.start < s.end || next.start < next.end)
}

// async writes a slice that does not nest in its track.
func (r *tracedRun) async(job *projections.TrackedJob, s *slice) {
	id := fmt.Sprintf(`,"id2":{"local":"%d.%d"}`, r.tid(job), s.seq)
	if s.unknown {
		r.event("n", job, s, s.start)
		r.buffer = append(r.buffer, id...)
		r.args(job, s)
		return
	}
	r.event("b", job, s, s.start)
	r.buffer = append(r.buffer, id...)
	r.args(job, s)
	r.event("e", job, s, s.end)
	r.buffer = append(r.buffer, id...)
	r.end()
}

// event begins the event of a slice.
func (r *tracedRun) event(phase string, job *projections.TrackedJob, s *slice, atMs int64) {
	category, name := "job", display.Name(job.ID)
	if s.seq > 0 {
		category, name = "command", title(s.cmd)
	}
	r.begin(phase, r.tid(job), name)
	r.buffer = append(append(append(r.buffer, `,"cat":"`...), category...), '"')
	r.microseconds(`,"ts":`, atMs)
}

// title returns the beginning of a command; it is never empty.
func title(cmd string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(cmd), "\n")
	return display.Name(cut(line, maxTitle))
}

// args ends an event with details of its slice.
func (r *tracedRun) args(job *projections.TrackedJob, s *slice) {
	if job.Outcome == domain.Failed && (s.seq == 0 || s.exit.V != 0) {
		r.buffer = append(r.buffer, `,"cname":"terrible"`...) // red
	}
	r.buffer = jsonenc.AppendString(append(r.buffer, `,"args":{"job_id":`...), job.ID)
	if s.seq > 0 {
		r.buffer = strconv.AppendInt(append(r.buffer, `,"seq":`...), int64(s.seq), 10)
		r.buffer = jsonenc.AppendString(append(r.buffer, `,"cmd":`...), s.cmd)
	} else {
		r.buffer = fmt.Appendf(r.buffer, `,"state":"%s"`, stateOf(job))
	}
	if s.exit.Valid {
		r.buffer = strconv.AppendInt(append(r.buffer, `,"exit_code":`...), int64(s.exit.V), 10)
	}
	if s.incomplete {
		r.buffer = append(r.buffer, `,"incomplete":true`...)
	}
	if s.unknown {
		r.buffer = append(r.buffer, `,"duration":"unknown"`...)
	}
	r.buffer = append(r.buffer, '}')
	r.end()
}

// tid returns the thread number of a job. It is never that of the process, which would be its main
// thread.
func (r *tracedRun) tid(job *projections.TrackedJob) int { return r.pid + 1 + job.Index }

// begin begins an event. A thread of 0 means none.
func (r *tracedRun) begin(phase string, thread int, name string) {
	r.buffer = r.buffer[:0]
	if r.some {
		r.buffer = append(r.buffer, ',')
	}
	r.some = true
	r.buffer = fmt.Appendf(r.buffer, "\n"+`{"ph":"%s","pid":%d,"tid":%d,"name":`, phase, r.pid, thread)
	r.buffer = jsonenc.AppendString(r.buffer, name)
}

// end ends an event.
func (r *tracedRun) end() { r.out.Write(append(r.buffer, '}')) }

// microseconds writes a member with a time.
func (r *tracedRun) microseconds(member string, ms int64) {
	r.buffer = strconv.AppendInt(append(r.buffer, member...), ms*1000, 10)
}

// metadata sets the name of a process or a thread, and its place among the others.
func (r *tracedRun) metadata(what string, thread int, name string, place int) {
	r.begin("M", thread, what+"_name")
	r.buffer = append(jsonenc.AppendString(append(r.buffer, `,"args":{"name":`...), name), '}')
	r.end()
	r.begin("M", thread, what+"_sort_index")
	r.buffer = fmt.Appendf(r.buffer, `,"args":{"sort_index":%d}`, place)
	r.end()
}

// running writes the number of running jobs whenever it changes.
func (r *tracedRun) running() {
	slices.SortStableFunc(r.jobs, func(a, b change) int { return cmp.Compare(a.atMs, b.atMs) })
	running := 0
	for i, c := range r.jobs {
		running += c.by
		if i+1 < len(r.jobs) && r.jobs[i+1].atMs == c.atMs {
			continue
		}
		r.begin("C", 0, "jobs")
		r.microseconds(`,"ts":`, c.atMs)
		r.buffer = fmt.Appendf(r.buffer, `,"args":{"running":%d}`, running)
		r.end()
	}
}
