package live

import (
	"cmp"
	"slices"
	"strings"

	"github.com/quire-ci/quire-project/projections"
)

// run is what a view keeps of a run: its row, a little of each job, and the open commands.
type run struct {
	row    projections.Run
	times  projections.RunTiming
	jobs   []job          // in order of first mention
	byID   map[string]int // the indexes of the jobs
	latest int            // the job of the latest command
	sh     int            // how many commands have been seen
	ended  bool           // the run's end was returned as a milestone
	found  []milestone    // memory for the next update
}

// job is what a view keeps of a job.
type job struct {
	projections.Job
	index          int
	commands       int       // that have started
	failed         int       // commands that ended with a code other than 0
	open           []command // in stream order
	started, ended bool      // the job's start and end were returned as milestones
}

// command is a command that is open, or that ended with a code other than 0.
type command struct {
	index     int
	cmd       string
	startedAt int64
	exitCode  int32
}

// maxCmd is the maximum length of the text of a command that is kept. It exceeds what a screen shows.
const maxCmd = 1000

func newCommand(index int, sh *projections.ShEvent) command {
	return command{index: index, cmd: strings.Clone(sh.Cmd[:min(len(sh.Cmd), maxCmd)]), startedAt: sh.StartedAtMs, exitCode: sh.ExitCode.V}
}

// status returns the status of a job: waiting if the job was named, but has not started.
func (j *job) status() status {
	switch {
	case j.State == projections.Complete:
		return complete
	case j.State == projections.Failed:
		return failed
	case j.StartedAtMs.Valid || len(j.open) > 0:
		return active
	}
	return waiting
}

// running returns the job's newest open command, which is the running one; nil if none is open.
func (j *job) running() *command {
	if len(j.open) == 0 {
		return nil
	}
	return &j.open[len(j.open)-1]
}

// milestone is a change that people wait for.
type milestone struct {
	what what
	at   int64 // in milliseconds since the Unix epoch
	// job and jobID are the index and the id of the job. A command has its number, too.
	job   int
	jobID string
	seq   int
	command
	state projections.State       // of the job or run that ended
	took  projections.Null[int64] // how long the job, command or run took
}

type what int

const (
	jobStarted what = iota
	shExited        // with a code other than 0
	jobEnded
	runEnded
)

// eachRow calls take with rows, those of jobs before those of commands.
type eachRow = func(take func(*projections.Definition, projections.AnyRow))

// maxKept is the number of milestones whose memory is always kept for the next update. A longer list is
// kept while there are many.
const maxKept = 1024

// update applies rows, and returns the new milestones, ordered by time and valid until the next
// update. Rows that come again change nothing.
func (r *run) update(each eachRow) []milestone {
	found := r.found[:0]
	var jobs []int
	known := r.sh
	each(func(of *projections.Definition, row projections.AnyRow) {
		switch of {
		case projections.Runs.Definition:
			r.row = *projections.Runs.At(row.Value)
		case projections.RunTimings.Definition:
			r.times = *projections.RunTimings.At(row.Value)
		case projections.Jobs.Definition:
			r.setJob(row.Index, projections.Jobs.At(row.Value))
			jobs = append(jobs, row.Index)
		case projections.ShEvents.Definition:
			found = r.setCommand(row.Index, known, projections.ShEvents.At(row.Value), found)
		}
	})
	for _, index := range jobs {
		found = r.jobs[index].milestones(found)
	}
	if r.row.Ended && !r.ended {
		r.ended = true
		found = append(found, milestone{what: runEnded, state: r.row.State, took: r.times.WallMs})
	}
	slices.SortStableFunc(found, compareMilestones)
	if r.found = found; len(found) <= maxKept && cap(found) > 4*maxKept {
		r.found = nil
	}
	return found
}

// replace is update for all rows of the run. Another program may have changed some.
func (r *run) replace(each eachRow) []milestone {
	before := *r
	*r = run{}
	return slices.DeleteFunc(r.update(each), before.had)
}

// had reports whether a milestone was returned before.
func (r *run) had(m milestone) bool {
	if m.what == runEnded {
		return r.ended
	}
	if m.job >= len(r.jobs) || r.jobs[m.job].JobID != m.jobID {
		return false
	}
	j := &r.jobs[m.job]
	switch m.what {
	case jobStarted:
		return j.started
	case jobEnded:
		return j.ended
	}
	return m.index < r.sh && !slices.ContainsFunc(j.open, func(c command) bool { return c.index == m.index })
}

// compareMilestones orders milestones by time. Those of one time are ordered by jobs; the end of the
// run is the last one.
func compareMilestones(a, b milestone) int {
	if a.what == runEnded || b.what == runEnded {
		return int(a.what) - int(b.what)
	}
	return cmp.Or(cmp.Compare(a.at, b.at), a.job-b.job, int(a.what)-int(b.what))
}

func (r *run) setJob(index int, row *projections.Job) {
	for len(r.jobs) <= index {
		r.jobs = append(r.jobs, job{index: len(r.jobs)})
	}
	j := &r.jobs[index]
	id := j.JobID
	if j.State == "" { // a new job
		id = strings.Clone(row.JobID)
		if r.byID == nil {
			r.byID = map[string]int{}
		}
		r.byID[id] = index
	}
	j.Job, j.JobID = *row, id
}

// milestones adds the job's start and end to found, once.
func (j *job) milestones(found []milestone) []milestone {
	if j.StartedAtMs.Valid && !j.started {
		j.started = true
		found = append(found, milestone{what: jobStarted, at: j.StartedAtMs.V, job: j.index, jobID: j.JobID})
	}
	if j.State != projections.Active && !j.ended {
		j.ended = true
		m := milestone{what: jobEnded, at: j.FinishedAtMs.V, job: j.index, jobID: j.JobID, state: j.State}
		if j.StartedAtMs.Valid {
			m.took = projections.Span(j.StartedAtMs.V, j.FinishedAtMs.V)
		}
		found = append(found, m)
	}
	return found
}

// setCommand applies the row of a command, and adds its end to found if its code is not 0; known is how
// many commands had been seen before this update.
func (r *run) setCommand(index, known int, row *projections.ShEvent, found []milestone) []milestone {
	of := r.latest // commands of one job often follow each other
	if of >= len(r.jobs) || r.jobs[of].JobID != row.JobID {
		var ok bool
		if of, ok = r.byID[row.JobID]; !ok {
			return found
		}
	}
	j := &r.jobs[of]
	r.latest = of
	r.sh, j.commands = max(r.sh, index+1), max(j.commands, row.Seq)
	at, isOpen := slices.BinarySearchFunc(j.open, index, func(c command, index int) int { return c.index - index })
	switch {
	case !isOpen && index < known: // it had ended before
		return found
	case !row.ExitCode.Valid:
		if !isOpen {
			j.open = slices.Insert(j.open, at, newCommand(index, row))
		}
		return found
	case isOpen:
		j.open = slices.Delete(j.open, at, at+1)
	}
	if row.ExitCode.V == 0 {
		return found
	}
	j.failed++
	return append(found, milestone{what: shExited, at: row.FinishedAtMs.V, job: of, jobID: j.JobID, seq: row.Seq, command: newCommand(index, row),
		took: projections.Span(row.StartedAtMs, row.FinishedAtMs.V)})
}
