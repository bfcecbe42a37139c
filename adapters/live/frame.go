package live

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/projections"
)

// Frame writes what a board knows as lines of at most width columns, at most height of
// them, without a line feed at the end. The runs that go on come first, each with its
// jobs; then those that have ended, with as much as there is room for.
func (b *Board) Frame(width, height int, now time.Time, color bool) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := &frame{width: width, now: now, color: color}
	switch {
	case width <= 0 || height <= 0:
	case len(b.runs) == 0:
		f.line(func(l *line) { l.add(faint, "no run yet") })
	default:
		f.choose(slices.Collect(maps.Values(b.runs)), height)
		f.draw()
	}
	return strings.Join(f.lines, "\n")
}

// frame is a frame that is being put together.
type frame struct {
	width   int
	now     time.Time
	color   bool
	several bool      // runs
	runs    []runView // that may have rows
	rest    tally     // of the other ones
	chosen  []row
	hidden  map[*runView]tally // jobs without a row, of runs that say so
	lines   []string
}

// runView is a run in a frame.
type runView struct {
	*boardRun
	at     int // its place in the frame
	status status
	tally  tally // of all jobs
	listed tally // of those that may have rows
}

// row is a row of a frame: of a job, or of the run if job is nil.
type row struct {
	run  *runView
	job  *projections.TrackedJob
	what rowKind
	// need is how much the row is needed, 0 being the most, and then its place among those of its
	// kind in its run: so all runs, and what goes on and what failed, get as many rows.
	need, place int
}

// rowKind is what a row shows. Rows of one job are in this order.
type rowKind uint8

const (
	heading rowKind = iota
	note
	jobRow
	exitRow
	openRow
)

func (r *row) compare(other row) int {
	if r.job != nil && other.job != nil {
		return cmp.Or(r.run.at-other.run.at, r.job.Index-other.job.Index, int(r.what)-int(other.what))
	}
	return cmp.Or(r.run.at-other.run.at, int(r.what)-int(other.what))
}

// order puts the runs that go on first, then those that failed; of either, the newest.
func (f *frame) order(runs []*boardRun, height int) {
	rank := func(r *boardRun) int {
		switch {
		case !r.over():
			return 0
		case r.status() == failed:
			return 1
		}
		return 2
	}
	slices.SortFunc(runs, func(a, b *boardRun) int {
		return cmp.Or(rank(a)-rank(b), cmp.Compare(b.fold.Run().FirstAtMs, a.fold.Run().FirstAtMs), strings.Compare(string(a.id), string(b.id)))
	})
	f.several = len(runs) > 1
	for i, r := range runs {
		if f.rest.count(r.status()); i < height {
			f.runs = append(f.runs, runView{boardRun: r, at: i, status: r.status()})
		}
	}
}

// fewDone is how many complete runs have a heading before there are details of other runs.
const fewDone = 3

// rows returns the rows that a frame of some height may have.
func (f *frame) rows(height int) (rows []row) {
	done := 0
	for i := range f.runs {
		run := &f.runs[i]
		head := row{run: run, what: heading}
		if run.status == complete {
			if done++; done > fewDone {
				head.need = 3
			}
		}
		rows = append(rows, head)
		if run.trouble+run.waits != "" {
			rows = append(rows, row{run: run, what: note, need: 1})
		}
		for kind, jobs := range run.latest(height) {
			if kind < other || !f.several || !run.over() { // what went well in a run that is over need not be seen
				rows = append(rows, run.jobRows(kind, jobs)...)
			}
		}
	}
	return rows
}

// Jobs that go on, that failed, and other ones get rows side by side.
const other = 2

// latest counts the jobs of a run, and returns the latest n of each kind, oldest first.
func (v *runView) latest(n int) (kinds [other + 1][]*projections.TrackedJob) {
	for job := range v.fold.Run().Jobs() {
		s := statusOfJob(job)
		v.tally.count(s)
		kind := other
		switch {
		case s == active:
			kind = 0
		case s == failed:
			kind = 1
		}
		kinds[kind] = append(kinds[kind], job)
		if jobs := kinds[kind]; len(jobs) > 2*n {
			kinds[kind] = append(jobs[:0], jobs[len(jobs)-n:]...)
		}
	}
	return kinds
}

// jobRows returns the rows of jobs of one kind, from the latest one on.
func (v *runView) jobRows(kind int, jobs []*projections.TrackedJob) (rows []row) {
	need := 1
	if kind == other {
		need = 4
		v.listed[complete], v.listed[waiting] = v.tally[complete], v.tally[waiting]
	} else {
		v.listed[active], v.listed[failed] = v.tally[active], v.tally[failed]
	}
	for _, job := range slices.Backward(jobs) {
		rows = append(rows, row{run: v, job: job, what: jobRow, need: need, place: len(rows)})
		if v.exitOf(job) != nil {
			rows = append(rows, row{run: v, job: job, what: exitRow, need: need, place: len(rows)})
		}
		if kind == 0 && v.fold.Run().NewestSh(job) != nil {
			rows = append(rows, row{run: v, job: job, what: openRow, need: need + 1, place: len(rows)})
		}
	}
	return rows
}

// choose chooses the rows for which there is room. A row is left for each line that says how many
// jobs of a run, or how many runs, have none.
func (f *frame) choose(runs []*boardRun, height int) {
	f.order(runs, height)
	rows, all := f.rows(height), f.rest
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Or(a.need-b.need, a.place-b.place, a.run.at-b.run.at) })
	more := map[*runView]bool{} // runs with such a line, and nil for the runs themselves
	for before := -1; len(more) > before; {
		before = len(more)
		f.chosen = rows[:min(len(rows), max(height-len(more), 1))]
		f.rest = all
		f.hidden = f.hide()
		for _, r := range f.chosen {
			if r.job != nil && f.hidden[r.run].total() > 0 && len(more)+1 < height {
				more[r.run] = true
			}
		}
		if f.rest.total() > 0 && len(more)+1 < height {
			more[nil] = true
		}
	}
	maps.DeleteFunc(f.hidden, func(run *runView, _ tally) bool { return !more[run] })
	if !more[nil] {
		f.rest = tally{}
	}
	f.chosen = slices.Clone(f.chosen)
	slices.SortFunc(f.chosen, func(a, b row) int { return a.compare(b) })
}

// hide counts the jobs of each run that have no row, and takes the runs that have one out of rest.
func (f *frame) hide() map[*runView]tally {
	jobs := map[*runView]tally{}
	for _, r := range f.chosen { // in which a heading comes before the jobs
		left := jobs[r.run]
		switch r.what {
		case heading:
			f.rest[r.run.status]--
			if left = r.run.listed; f.several { // then the heading says enough of what went well
				left[complete], left[waiting] = 0, 0
			}
		case jobRow:
			if s := statusOfJob(r.job); left[s] > 0 {
				left[s]--
			}
		}
		jobs[r.run] = left
	}
	return jobs
}

// line adds a line that write fills.
func (f *frame) line(write func(*line)) {
	l := &line{columns: f.width, color: f.color}
	write(l)
	f.lines = append(f.lines, l.String())
}

// draw adds the lines of the rows, and says what is hidden.
func (f *frame) draw() {
	for i, r := range f.chosen {
		f.line(func(l *line) { f.row(l, r) })
		if left := f.hidden[r.run]; left.total() > 0 && (i+1 == len(f.chosen) || f.chosen[i+1].run != r.run) {
			f.line(func(l *line) { l.add(faint, "  … "+left.more("job")) })
		}
	}
	if f.rest.total() > 0 {
		f.line(func(l *line) { l.add(faint, "… "+f.rest.more("run")) })
	}
}

const faint = text.Faint

func (f *frame) row(l *line, r row) {
	at := f.present(r.run)
	switch r.what {
	case heading:
		f.heading(l, r.run)
	case note:
		color := text.FgYellow
		if r.run.trouble != "" {
			color = text.FgRed
		}
		l.add(color, "  ! ")
		l.add(color, cmp.Or(r.run.trouble, r.run.waits))
	case jobRow:
		status := statusOfJob(r.job)
		l.add(status.color(), "  "+status.mark()+" ")
		l.addIn(f.nameColumns(r.run), status.color(), display.Name(r.job.ID))
		l.add(plain, "  "+jobTime(r.job, at))
		if r.job.ShCount > 0 {
			l.add(faint, "  "+display.Plural(r.job.ShCount, "command"))
		}
	case exitRow:
		exit, color := r.run.exitOf(r.job), statusOfJob(r.job).color()
		if statusOfJob(r.job) == complete { // the job has looked at the code
			color = faint
		}
		l.add(color, "      "+display.Exit(exit.exitCode)+"  ")
		l.add(plain, exit.cmd)
	case openRow:
		sh := r.run.fold.Run().NewestSh(r.job) // the one that runs
		l.add(text.FgYellow, "      "+running(projections.Span(sh.StartedAtMs, at)))
		l.add(plain, "  "+sh.Cmd)
	}
}

// quietMs is how long a run may go on without an event before the heading says so.
const quietMs = 60_000

// heading is the line that every run has.
func (f *frame) heading(l *line, run *runView) {
	color := run.status.color()
	before, behind := display.Around(string(run.id))
	l.add(color, run.status.mark()+" "+before)
	l.addUpTo(max(f.width/2, 8), color, display.Name(string(run.id)))
	l.add(color, behind+f.stateOf(run))
	l.add(plain, "   "+run.counts())
	if quiet := projections.Span(run.fold.Run().LastAtMs, f.present(run)); run.row.Events > 0 && quiet.V >= quietMs {
		l.add(text.FgYellow, " · no event for "+running(quiet))
	}
}

// present is the time up to which what runs in a run has been running.
func (f *frame) present(run *runView) int64 {
	tracker := run.fold.Run()
	if run.over() {
		return tracker.LastAtMs
	}
	return present(tracker.FirstAtMs, tracker.LastAtMs, f.now)
}

// stateOf says how a run stands, and for how long it has been or was running.
func (f *frame) stateOf(run *runView) string {
	first, row := run.fold.Run().FirstAtMs, run.current()
	whole := took(projections.Span(first, run.fold.Run().LastAtMs))
	switch {
	case run.trouble != "":
		return "is not read on"
	case row.Events == 0:
		return "has no events yet"
	case run.status == active && !row.Ended:
		return "running " + running(projections.Span(first, f.present(run)))
	case !row.Ended:
		return string(row.State) + " so far " + whole
	}
	return string(row.State) + " " + whole
}

func (v *runView) counts() string {
	jobs, commands := display.Plural(v.row.Jobs, "job"), display.Plural(v.row.ShEvents, "command")
	var of []string
	if n := v.tally[active]; n > 0 && v.over() {
		of = append(of, strconv.Itoa(n)+" unfinished")
	} else if n > 0 {
		of = append(of, strconv.Itoa(n)+" running")
	}
	if n := v.tally[failed]; n > 0 {
		of = append(of, strconv.Itoa(n)+" failed")
	}
	if len(of) > 0 {
		jobs += " (" + strings.Join(of, ", ") + ")"
	}
	if v.failed > 0 {
		commands += " (" + strconv.Itoa(v.failed) + " failed)"
	}
	return jobs + " · " + commands
}

// jobTime is how long a job has been running, or took.
func jobTime(job *projections.TrackedJob, at int64) string {
	time := "–"
	switch {
	case statusOfJob(job) == waiting:
		return "not started"
	case !job.Started:
	case job.Final:
		time = took(projections.Span(job.StartedAtMs, job.FinishedAtMs))
	default:
		time = running(projections.Span(job.StartedAtMs, at))
	}
	return text.AlignRight.Apply(time, 8)
}

// nameColumns is how wide the column of the names of a run's jobs is.
func (f *frame) nameColumns(run *runView) (widest int) {
	for _, r := range f.chosen {
		if r.run == run && r.what == jobRow {
			_, columns := display.Fit(display.Name(r.job.ID), max(f.width/3, 8))
			widest = max(widest, columns)
		}
	}
	return widest
}
