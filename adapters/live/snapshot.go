package live

import (
	"slices"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/quire-ci/quire-project/projections"
)

// Snapshot is what a board knew at one moment, as far as a screen of so many
// rows can show it. It does not change any more.
type Snapshot struct {
	runs []runView // in the order in which they are shown
	rest tally     // of the runs that are not among them
}

// Snapshot returns what is known now. Each run in it is of one moment.
func (b *Board) Snapshot(rows int) Snapshot {
	var shown []candidate
	for _, r := range b.all() {
		shown = append(shown, r.candidate())
	}
	slices.SortFunc(shown, candidate.compare)
	var s Snapshot
	for i, c := range shown {
		if i < rows {
			s.runs = append(s.runs, c.run.view(rows))
		} else {
			s.rest.count(c.standing)
		}
	}
	return s
}

// runView is a run of a snapshot.
type runView struct {
	row         projections.Run
	standing    standing
	failed      int // commands
	trouble     string
	waits       string
	first, last int64
	tally       tally     // of all jobs
	listed      tally     // of those that its details are about
	jobs        []jobView // of these, those that can be shown, in order of first mention
}

// over reports whether nothing more is expected of the run.
func (v *runView) over() bool { return v.row.Ended || v.trouble != "" }

// note is what is said of the run in a line of its own.
func (v *runView) note() (string, text.Color) {
	if v.trouble != "" {
		return v.trouble, text.FgRed
	}
	return v.waits, text.FgYellow
}

// brief returns the snapshot without what need not be seen of a run that is over, where
// there are others: jobs that went well and, if the run is complete, all jobs.
func (s Snapshot) brief() Snapshot {
	s.runs = slices.Clone(s.runs)
	for i := range s.runs {
		if s.runs[i].over() {
			s.runs[i].shorten()
		}
	}
	return s
}

func (v *runView) shorten() {
	if v.standing == complete {
		v.jobs, v.listed = nil, tally{}
		return
	}
	var jobs []jobView
	v.listed[complete], v.listed[waiting] = 0, 0
	for _, job := range v.jobs {
		if importance(job.standing) < 2 {
			jobs = append(jobs, job)
		}
	}
	v.jobs = jobs
}

// jobView is a job of a snapshot.
type jobView struct {
	id                string
	standing          standing
	started, finished projections.Null[int64]
	commands          int
	exit              *exit
	// open says that a command is open; cmd is the newest one, which is the one that runs.
	open  bool
	cmd   string
	since int64
}

// view returns what a screen of so many rows can show of the run.
func (r *boardRun) view(rows int) runView {
	r.mu.Lock()
	defer r.mu.Unlock()
	run := r.fold.Run()
	v := runView{row: *r.current(), standing: r.standing(), failed: r.failed, trouble: r.trouble, waits: r.waits, first: run.FirstAtMs, last: run.LastAtMs}
	exits := map[int]*exit{}
	for _, e := range r.exits {
		exits[e.job] = &e
	}
	chosen := choice{rows: rows}
	for job := range run.Jobs() {
		s := jobStanding(job)
		v.tally.count(s)
		chosen.take(job, importance(s))
	}
	v.listed = v.tally
	for _, job := range chosen.jobs() {
		v.jobs = append(v.jobs, viewOf(run, job, exits[job.Index]))
	}
	return v
}

func viewOf(run *projections.Tracker, job *projections.TrackedJob, exit *exit) jobView {
	v := jobView{id: job.ID, standing: jobStanding(job), commands: job.ShCount, exit: exit}
	if job.Started {
		v.started = projections.Some(job.StartedAtMs)
	}
	if job.Final {
		v.finished = projections.Some(job.FinishedAtMs)
	} else if sh := run.NewestSh(job); sh != nil {
		v.open, v.cmd, v.since = true, sh.Cmd, sh.StartedAtMs
	}
	return v
}
