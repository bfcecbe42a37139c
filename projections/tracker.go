package projections

import (
	"iter"
	"math"
	"slices"
	"strings"

	"github.com/quire-ci/quire-project/domain"
)

// Tracker keeps the state of a run that all projections need: the jobs with their progress,
// the open sh, and the time covered by closed sh. It grows with the jobs and the open sh,
// not with the stream.
type Tracker struct {
	RunID domain.RunID
	// Events counts the events. FirstAtMs and LastAtMs are the times of the first and the latest
	// event, if any.
	Events              int64
	FirstAtMs, LastAtMs int64
	// Started means that a RunStarted has been read. Labels are those of the first one.
	Started bool
	Labels  domain.Labels
	// Outcome is the outcome of the first RunFinished; NoOutcome before that.
	Outcome domain.Outcome
	// OpenJobs and OpenSh count the open jobs and sh, ShStarted all sh.
	OpenJobs, OpenSh, ShStarted int

	jobs   pages[TrackedJob]
	byID   jobIndex
	latest *TrackedJob // the job of the latest event: most events name the same job
	open   shStacks
	since  changes
	part   *part // the part that is handed out now, see [Fold.OpenParts]
}

// TrackedJob is a job that a job or sh event has named. If the job was final when
// [Fold.Restore] restored the fold, only its ID, Index, Progress and ShCount are known;
// the rest is in its rows.
type TrackedJob struct {
	ID string
	// Index is the job's place in order of first mention, from 0.
	Index int
	Progress
	// StartedAtMs is valid if Started, FinishedAtMs and Outcome if Final.
	StartedAtMs, FinishedAtMs int64
	Outcome                   domain.Outcome
	named                     bool // by an event since the mark, see changes
	// ExitCode is the exit code of the command that finished last before the job was final.
	ExitCode Null[int32]
	newest   int32 // the slot of its newest open sh, see shStacks
	// ShCount counts the job's ShStarted events.
	ShCount int

	inSh sum // the time covered by the sh that were closed before the job was final
}

// TrackedSh is a sh that has started.
type TrackedSh struct {
	// Index is the place of the sh in the stream, from 0. Seq counts from 1 within the job.
	Index, Seq  int
	Job         int // index of its job
	Cmd         string
	StartedAtMs int64
	// InsideMs is the time covered by sh of the job that started and closed while this one
	// was open and the job was not final.
	InsideMs int64
}

// NewTracker returns the tracker of a run before its first event.
func NewTracker(run domain.RunID) *Tracker {
	return &Tracker{RunID: run, byID: newJobIndex(), open: newShStacks()}
}

// JobCount returns how many jobs have been named.
func (t *Tracker) JobCount() int { return t.jobs.len() }

// Jobs yields the jobs in order of first mention. They belong to the tracker: read them, and
// do not use them after the next step.
func (t *Tracker) Jobs() iter.Seq[*TrackedJob] {
	if t.part != nil {
		t.part.asked = true
		return slices.Values(t.part.jobs)
	}
	return t.jobs.all()
}

// Ended reports whether a RunFinished has been read.
func (t *Tracker) Ended() bool { return t.Outcome != domain.NoOutcome }

// EachOpenSh calls f with every open sh, in stream order.
func (t *Tracker) EachOpenSh(f func(*TrackedJob, *TrackedSh)) {
	var open []*TrackedSh
	if t.part != nil {
		t.part.asked = true
		open = t.part.sh
	} else {
		open = t.openSh()
	}
	for _, sh := range open {
		f(t.jobs.at(sh.Job), sh)
	}
}

// advance updates the tracker with one entry, and puts the effects into step.
func (t *Tracker) advance(entry *domain.Entry, step *Step) {
	step.begin(entry, t)
	if entry.Kind == domain.NoEvent {
		return
	}
	step.First, step.PrevAtMs, step.AfterRun = t.Events == 0, t.LastAtMs, t.Ended()
	if step.First {
		t.FirstAtMs = entry.AtMs
	}
	t.LastAtMs = entry.AtMs
	if t.Events++; t.Events%youngSpan == 0 {
		t.open.detach()
	}
	switch {
	case entry.Kind == domain.Unknown: // its meaning is not known, even if it names a job
	case entry.HasJob:
		step.Job = t.job(entry.JobID)
		step.JobBefore = step.Job.Progress
		t.since.named(step.Job)
		t.advanceJob(step)
	case entry.Kind == domain.RunStarted && !t.Started:
		t.Started, t.Labels = true, entry.Labels()
		step.RunStarts = true
	case entry.Kind == domain.RunFinished && !t.Ended():
		t.Outcome = entry.Outcome
	}
}

// advanceJob updates the job that the event names.
func (t *Tracker) advanceJob(step *Step) {
	switch step.Kind {
	case domain.JobStarted:
		t.startJob(step)
	case domain.JobFinished:
		t.finishJob(step)
	case domain.ShStarted:
		t.startSh(step)
	case domain.ShFinished:
		t.finishSh(step)
	}
}

// job returns the job with this id. It adds a new one.
func (t *Tracker) job(id string) *TrackedJob {
	if t.latest != nil && t.latest.ID == id {
		return t.latest
	}
	hash := t.byID.hash(id)
	t.latest = t.byID.find(id, hash, &t.jobs)
	if t.latest == nil {
		index := t.jobs.len()
		t.byID.insert(hash)
		t.latest = t.jobs.add()
		t.latest.ID, t.latest.Index = strings.Clone(id), index
	}
	return t.latest
}

// find returns the job with this id; nil if there is none.
func (t *Tracker) find(id string) *TrackedJob { return t.byID.find(id, t.byID.hash(id), &t.jobs) }

func (t *Tracker) startJob(step *Step) {
	job := step.Job
	if job.Started || job.Final {
		return
	}
	job.Started, job.StartedAtMs = true, step.AtMs
	t.OpenJobs++
	step.JobStarts = true
}

func (t *Tracker) finishJob(step *Step) {
	job := step.Job
	if job.Final {
		return
	}
	if job.Started {
		t.OpenJobs--
	}
	job.Final, job.FinishedAtMs, job.Outcome = true, step.AtMs, step.Outcome
	step.JobEnds = true
}

func (t *Tracker) startSh(step *Step) {
	job := step.Job
	job.ShCount++
	sh := t.open.push(job)
	sh.Index, sh.Seq, sh.Job, sh.Cmd, sh.StartedAtMs, sh.InsideMs = t.ShStarted, job.ShCount, job.Index, step.Cmd, step.AtMs, 0
	t.ShStarted++
	t.OpenSh++
	step.Sh, step.ShOpens = sh, true
}

func (t *Tracker) finishSh(step *Step) {
	job := step.Job
	if job.OpenSh == 0 {
		return
	}
	t.OpenSh--
	sh := t.open.pop(job)
	step.Sh, step.ShCloses = sh, true
	if !job.Final {
		job.ExitCode = Some(step.ExitCode)
		t.cover(job, sh, step.AtMs)
	}
}

// cover adds the time of a closing command to that of its job. Since the newest open command closes
// first, commands are disjoint or nested. A command covers its own duration, or the time covered by
// the commands inside it if that is more; their time has been added before.
func (t *Tracker) cover(job *TrackedJob, sh *TrackedSh, atMs int64) {
	covered := max(sh.InsideMs, Span(sh.StartedAtMs, atMs).V)
	job.inSh.add(Some(covered - sh.InsideMs))
	// If int64 cannot hold the time inside, it cannot hold the job's sum either, which then
	// stays null.
	if below := t.open.newest(job); below != nil && covered <= math.MaxInt64-below.InsideMs {
		below.InsideMs += covered
	}
}
