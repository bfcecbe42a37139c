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

// Frame returns the contents of a board as at most height lines of at most width columns, without a
// line feed at the end. Active runs come first, each with its jobs; ended runs fill the remaining
// lines.
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

// frame is a frame under construction.
type frame struct {
	width   int
	now     time.Time
	color   bool
	several bool      // runs
	runs    []runView // the runs that may have rows
	rest    tally     // the other runs
	chosen  []row
	hidden  map[*runView]tally // jobs without a row, of the runs that show their number
	lines   []string
}

// runView is a run as a frame shows it.
type runView struct {
	*boardRun
	at     int // the position in the frame
	status status
	tally  tally // of all jobs
	listed tally // of the jobs that may have rows
}

// row is a row of a frame: of a job or, if job is nil, of the run.
type row struct {
	run  *runView
	job  *job
	what rowKind
	// need is the row's priority, 0 being the highest; place is its position among the rows of the
	// same kind in its run. Sorted by both, all runs get rows, and so do active and failed jobs.
	need, place int
}

// rowKind says what a row shows. The rows of one job are in this order.
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
		return cmp.Or(r.run.at-other.run.at, r.job.index-other.job.index, int(r.what)-int(other.what))
	}
	return cmp.Or(r.run.at-other.run.at, int(r.what)-int(other.what))
}

// order sorts runs: active ones first, then failed ones, then complete ones. In each group, the newest
// come first.
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
		return cmp.Or(rank(a)-rank(b), cmp.Compare(b.times.StartedAtMs.V, a.times.StartedAtMs.V), strings.Compare(string(a.id), string(b.id)))
	})
	f.several = len(runs) > 1
	for i, r := range runs {
		if f.rest.count(r.status()); i < height {
			f.runs = append(f.runs, runView{boardRun: r, at: i, status: r.status()})
		}
	}
}

// fewDone is how many complete runs get a heading before other runs get details.
const fewDone = 3

// rows returns the candidates for the rows of a frame of a given height.
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
			if kind < other || !f.several || !run.over() { // successful jobs of an ended run need no rows
				rows = append(rows, run.jobRows(kind, jobs)...)
			}
		}
	}
	return rows
}

// Active jobs, failed jobs and all others compete for rows as three kinds.
const other = 2

// latest counts the jobs of a run, and returns the latest n of each kind, oldest first.
func (v *runView) latest(n int) (kinds [other + 1][]*job) {
	for i := range v.jobs {
		job := &v.jobs[i]
		s := job.status()
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

// jobRows returns the rows of jobs of one kind, starting with the latest job.
func (v *runView) jobRows(kind int, jobs []*job) (rows []row) {
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
		if kind == 0 && job.running() != nil {
			rows = append(rows, row{run: v, job: job, what: openRow, need: need + 1, place: len(rows)})
		}
	}
	return rows
}

// choose chooses the rows that fit. It reserves a row for each line that counts the hidden jobs of a
// run, or the hidden runs.
func (f *frame) choose(runs []*boardRun, height int) {
	f.order(runs, height)
	rows, all := f.rows(height), f.rest
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Or(a.need-b.need, a.place-b.place, a.run.at-b.run.at) })
	more := map[*runView]bool{} // runs with such a line; nil is the line about hidden runs
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

// hide counts the jobs without a row of each run, and removes the runs that have a row from rest.
func (f *frame) hide() map[*runView]tally {
	jobs := map[*runView]tally{}
	for _, r := range f.chosen { // a run's heading comes before its jobs
		left := jobs[r.run]
		switch r.what {
		case heading:
			f.rest[r.run.status]--
			if left = r.run.listed; f.several { // the heading already counts successful jobs
				left[complete], left[waiting] = 0, 0
			}
		case jobRow:
			if s := r.job.status(); left[s] > 0 {
				left[s]--
			}
		}
		jobs[r.run] = left
	}
	return jobs
}

// line adds a line, which write fills.
func (f *frame) line(write func(*line)) {
	l := &line{columns: f.width, color: f.color}
	write(l)
	f.lines = append(f.lines, l.String())
}

// draw adds the lines of the rows, and the counts of hidden jobs and runs.
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
		status := r.job.status()
		l.add(status.color(), "  "+status.mark()+" ")
		l.addIn(f.nameColumns(r.run), status.color(), display.Name(r.job.JobID))
		l.add(plain, "  "+jobTime(r.job, at))
		if r.job.commands > 0 {
			l.add(faint, "  "+display.Plural(r.job.commands, "command"))
		}
	case exitRow:
		exit, color := r.run.exitOf(r.job), r.job.status().color()
		if r.job.status() == complete { // the job has handled the exit code
			color = faint
		}
		l.add(color, "      "+display.Exit(exit.exitCode)+"  ")
		l.add(plain, exit.cmd)
	case openRow:
		sh := r.job.running()
		l.add(text.FgYellow, "      "+running(projections.Span(sh.startedAt, at)))
		l.add(plain, "  "+sh.cmd)
	}
}

// quietMs is how long a run may be active without an event before its heading shows that.
const quietMs = 60_000

// heading writes the heading of a run.
func (f *frame) heading(l *line, run *runView) {
	color := run.status.color()
	before, behind := display.Around(string(run.id))
	l.add(color, run.status.mark()+" "+before)
	l.addUpTo(max(f.width/2, 8), color, display.Name(string(run.id)))
	l.add(color, behind+f.stateOf(run))
	l.add(plain, "   "+run.counts())
	if run.row.Events == 0 || run.over() {
		return
	}
	last := run.times.LastAtMs.V
	switch at, heard := display.Present(last, f.now); {
	case !heard:
		l.add(text.FgYellow, " · no event for days")
	case at-last >= quietMs:
		l.add(text.FgYellow, " · no event for "+running(projections.Span(last, at)))
	}
}

// present is the time that the running times of a run are measured at.
func (f *frame) present(run *runView) int64 {
	last := run.times.LastAtMs.V
	if !run.over() {
		last, _ = display.Present(last, f.now)
	}
	return last
}

// stateOf returns a run's state, and how long it has been or was running.
func (f *frame) stateOf(run *runView) string {
	first, row := run.times.StartedAtMs.V, &run.row
	whole := took(projections.Span(first, run.times.LastAtMs.V))
	switch {
	case run.trouble != "":
		return "is skipped"
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
	if n := v.failedCommands(); n > 0 {
		commands += " (" + strconv.Itoa(n) + " failed)"
	}
	return jobs + " · " + commands
}

// failedCommands returns how many commands ended with a code other than 0 in failed jobs.
func (r *boardRun) failedCommands() (n int) {
	for i := range r.jobs {
		if r.jobs[i].State == projections.Failed {
			n += r.jobs[i].failed
		}
	}
	return n
}

// jobTime returns how long a job has been running, or took.
func jobTime(job *job, at int64) string {
	time := "–"
	switch {
	case job.status() == waiting:
		return "not started"
	case !job.StartedAtMs.Valid:
	case job.FinishedAtMs.Valid:
		time = took(projections.Span(job.StartedAtMs.V, job.FinishedAtMs.V))
	default:
		time = running(projections.Span(job.StartedAtMs.V, at))
	}
	return text.AlignRight.Apply(time, 8)
}

// nameColumns returns the width of the column for the names of a run's jobs.
func (f *frame) nameColumns(run *runView) (widest int) {
	for _, r := range f.chosen {
		if r.run == run && r.what == jobRow {
			_, columns := display.Fit(display.Name(r.job.JobID), max(f.width/3, 8))
			widest = max(widest, columns)
		}
	}
	return widest
}
