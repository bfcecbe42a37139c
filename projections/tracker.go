package projections

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/quire-ci/quire-project/domain"
)

// Tracker keeps what all projections need to know of a run: which jobs have
// been named, how far each is, and which sh are open. It grows with the jobs
// and the open sh, not with the stream.
type Tracker struct {
	RunID domain.RunID
	// Events counts the events, FirstAtMs and LastAtMs are the times of the
	// first and of the latest one, where there is one.
	Events              int64
	FirstAtMs, LastAtMs int64
	// Outcome is that of the first RunFinished, NoOutcome before it.
	Outcome domain.Outcome
	// OpenJobs and OpenSh count what is open, ShStarted what ever was.
	OpenJobs, OpenSh, ShStarted int

	jobs   []TrackedJob
	byID   map[string]int32
	latest int32 // the job of the latest event that named one: most name it again

	// Open sh stand in slots that are used again, linked in a queue per job.
	slots []shSlot
	free  int32
	young []int32 // slots whose command is still the reader's memory
}

// TrackedJob is a job that an event has named.
type TrackedJob struct {
	ID string
	// Index is the job's place in order of first mention, from 0.
	Index int
	Progress
	// StartedAtMs is known when Started, FinishedAtMs and Outcome when Final.
	StartedAtMs, FinishedAtMs int64
	Outcome                   domain.Outcome
	// ExitCode is that of the sh that finished last before the job was final.
	ExitCode Null[int32]
	// ShCount counts the job's ShStarted events.
	ShCount int

	oldest, newest int32 // queue of open sh
}

// TrackedSh is a sh that has started.
type TrackedSh struct {
	// Index is the sh's place in the stream's order, from 0; Seq counts from 1
	// within its job.
	Index, Seq  int
	Job         int // index of its job
	Cmd         string
	StartedAtMs int64
}

type shSlot struct {
	TrackedSh
	used, cloned bool
	next         int32
}

// none ends a queue of slots.
const none = -1

// youngSpan is how many events a command may stay in the memory that the
// reader cut it from. That memory is shared by many commands; one that runs
// for long is copied out of it, so that it does not keep the others alive.
const youngSpan = 4096

// NewTracker returns the tracker of a run of which nothing has been read.
func NewTracker(run domain.RunID) *Tracker {
	return &Tracker{RunID: run, byID: map[string]int32{}, latest: none, free: none}
}

// Jobs returns the jobs named so far, in order of first mention. The slice is
// the tracker's own: read it, and let go of it before the next step.
func (t *Tracker) Jobs() []TrackedJob { return t.jobs }

// Ended reports whether a RunFinished has been read.
func (t *Tracker) Ended() bool { return t.Outcome != domain.NoOutcome }

// EachOpenSh calls f with every open sh, in stream order.
func (t *Tracker) EachOpenSh(f func(*TrackedJob, *TrackedSh)) {
	open := make([]*TrackedSh, 0, t.OpenSh)
	for i := range t.slots {
		if t.slots[i].used {
			open = append(open, &t.slots[i].TrackedSh)
		}
	}
	slices.SortFunc(open, func(a, b *TrackedSh) int { return a.Index - b.Index })
	for _, sh := range open {
		f(&t.jobs[sh.Job], sh)
	}
}

// advance takes in one entry and says in step what it did.
func (t *Tracker) advance(entry *domain.Entry, step *Step) {
	*step = Step{Entry: entry, Run: t}
	if entry.Kind == domain.NoEvent {
		return
	}
	step.First, step.PrevAtMs, step.AfterRun = t.Events == 0, t.LastAtMs, t.Ended()
	if step.First {
		t.FirstAtMs = entry.AtMs
	}
	t.LastAtMs = entry.AtMs
	t.Events++
	if t.Events%youngSpan == 0 {
		t.settle()
	}
	if entry.HasJob {
		step.Job = t.job(entry.JobID)
		step.JobBefore = step.Job.Progress
	}
	switch entry.Kind {
	case domain.JobStarted:
		t.startJob(step)
	case domain.JobFinished:
		t.finishJob(step)
	case domain.ShStarted:
		t.startSh(step)
	case domain.ShFinished:
		t.finishSh(step)
	case domain.RunFinished:
		if !t.Ended() {
			t.Outcome = entry.Outcome
		}
	}
}

// job finds the job called id, which may be new.
func (t *Tracker) job(id string) *TrackedJob {
	if t.latest != none && t.jobs[t.latest].ID == id {
		return &t.jobs[t.latest]
	}
	index, known := t.byID[id]
	if !known {
		index = int32(len(t.jobs))
		id = strings.Clone(id)
		t.byID[id] = index
		t.jobs = append(t.jobs, TrackedJob{ID: id, Index: int(index), oldest: none, newest: none})
	}
	t.latest = index
	return &t.jobs[index]
}

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
	step.Sh = TrackedSh{Index: t.ShStarted, Seq: job.ShCount, Job: job.Index, Cmd: step.Cmd, StartedAtMs: step.AtMs}
	step.ShOpens = true
	t.ShStarted++
	t.push(job, step.Sh)
}

func (t *Tracker) finishSh(step *Step) {
	job := step.Job
	if job.OpenSh == 0 {
		return
	}
	step.Sh, step.ShCloses = t.pop(job), true
	if !job.Final {
		job.ExitCode = Some(step.ExitCode)
	}
}

// push puts sh at the end of its job's queue.
func (t *Tracker) push(job *TrackedJob, sh TrackedSh) {
	slot := t.free
	if slot == none {
		slot = int32(len(t.slots))
		t.slots = append(t.slots, shSlot{})
	} else {
		t.free = t.slots[slot].next
	}
	t.slots[slot] = shSlot{TrackedSh: sh, used: true, next: none}
	if job.OpenSh == 0 {
		job.oldest = slot
	} else {
		t.slots[job.newest].next = slot
	}
	job.newest = slot
	job.OpenSh++
	t.OpenSh++
	t.young = append(t.young, slot)
}

// pop takes the oldest sh off its job's queue.
func (t *Tracker) pop(job *TrackedJob) TrackedSh {
	slot := job.oldest
	sh := t.slots[slot].TrackedSh
	job.oldest = t.slots[slot].next
	job.OpenSh--
	t.OpenSh--
	t.slots[slot] = shSlot{next: t.free}
	t.free = slot
	return sh
}

// settle copies the commands of the young that are still open out of the
// reader's memory.
func (t *Tracker) settle() {
	for _, i := range t.young {
		if slot := &t.slots[i]; slot.used && !slot.cloned {
			slot.Cmd, slot.cloned = strings.Clone(slot.Cmd), true
		}
	}
	t.young = t.young[:0]
}

// trackerState is a Tracker as it is saved.
type trackerState struct {
	RunID     domain.RunID   `json:"run_id"`
	Events    int64          `json:"events"`
	FirstAtMs int64          `json:"first_at_ms"`
	LastAtMs  int64          `json:"last_at_ms"`
	Outcome   domain.Outcome `json:"outcome"`
	ShStarted int            `json:"sh_started"`
	Jobs      []jobState     `json:"jobs"`
	Sh        []shState      `json:"sh"`
}

type jobState struct {
	ID           string         `json:"id"`
	Started      bool           `json:"started,omitempty"`
	StartedAtMs  int64          `json:"started_at_ms,omitempty"`
	Final        bool           `json:"final,omitempty"`
	FinishedAtMs int64          `json:"finished_at_ms,omitempty"`
	Outcome      domain.Outcome `json:"outcome,omitempty"`
	ExitCode     Null[int32]    `json:"exit_code,omitzero"`
	ShCount      int            `json:"sh,omitempty"`
}

type shState struct {
	Index       int    `json:"index"`
	Seq         int    `json:"seq"`
	Job         int    `json:"job"`
	Cmd         string `json:"cmd"`
	StartedAtMs int64  `json:"started_at_ms"`
}

// MarshalJSON encodes the tracker so that a later process can go on.
func (t *Tracker) MarshalJSON() ([]byte, error) {
	state := trackerState{
		RunID: t.RunID, Events: t.Events, FirstAtMs: t.FirstAtMs, LastAtMs: t.LastAtMs,
		Outcome: t.Outcome, ShStarted: t.ShStarted,
	}
	for i := range t.jobs {
		j := &t.jobs[i]
		state.Jobs = append(state.Jobs, jobState{
			j.ID, j.Started, j.StartedAtMs, j.Final, j.FinishedAtMs, j.Outcome, j.ExitCode, j.ShCount,
		})
	}
	t.EachOpenSh(func(_ *TrackedJob, sh *TrackedSh) {
		state.Sh = append(state.Sh, shState{sh.Index, sh.Seq, sh.Job, sh.Cmd, sh.StartedAtMs})
	})
	return json.Marshal(state)
}

// UnmarshalJSON puts the tracker where MarshalJSON found it.
func (t *Tracker) UnmarshalJSON(data []byte) error {
	var state trackerState
	if err := json.Unmarshal(data, &state); err != nil {
		return err
	}
	*t = *NewTracker(state.RunID)
	t.Events, t.FirstAtMs, t.LastAtMs = state.Events, state.FirstAtMs, state.LastAtMs
	t.Outcome, t.ShStarted = state.Outcome, state.ShStarted
	for _, s := range state.Jobs {
		job := t.job(s.ID)
		job.Started, job.StartedAtMs = s.Started, s.StartedAtMs
		job.Final, job.FinishedAtMs, job.Outcome = s.Final, s.FinishedAtMs, s.Outcome
		job.ExitCode, job.ShCount = s.ExitCode, s.ShCount
		if job.Open() {
			t.OpenJobs++
		}
	}
	for _, s := range state.Sh {
		if s.Job < 0 || s.Job >= len(t.jobs) {
			return errBrokenState
		}
		t.push(&t.jobs[s.Job], TrackedSh(s))
	}
	return nil
}
