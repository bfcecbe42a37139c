package projections

import "github.com/quire-ci/quire-project/domain"

// Step is one entry of the stream as projections get it: the event, the state just before
// it, and its effects on the run. [Tracker] pairs a Finished event with its Started one, once
// for all projections.
type Step struct {
	*domain.Entry

	// Run is the run up to this entry, with its effects.
	Run *Tracker

	// First is set for the first event of the stream. For every other event, PrevAtMs is the
	// AtMs of the event before it.
	First    bool
	PrevAtMs int64
	// RunStarts is set for the first RunStarted, AfterRun for all events after a
	// RunFinished.
	RunStarts, AfterRun bool

	// Job is the job that the event names, with the effects of the event. It is nil if the
	// event names no job, and for an Unknown event, which has no effect on jobs.
	Job *TrackedJob
	// JobBefore is how far the job was before this event.
	JobBefore Progress
	// JobStarts is set for a job's first JobStarted, JobEnds for its first JobFinished. A
	// job that has ended does not start later.
	JobStarts, JobEnds bool

	// Sh is the sh that the event opens (ShOpens) or closes (ShCloses); nil if it does
	// neither.
	Sh                *TrackedSh
	ShOpens, ShCloses bool
}

// begin resets the step for an entry. It sets fields one by one because a literal would be
// made elsewhere and copied.
func (s *Step) begin(entry *domain.Entry, run *Tracker) {
	s.Entry, s.Run = entry, run
	s.First, s.PrevAtMs, s.RunStarts, s.AfterRun = false, 0, false, false
	s.Job, s.JobBefore, s.JobStarts, s.JobEnds = nil, Progress{}, false, false
	s.Sh, s.ShOpens, s.ShCloses = nil, false, false
}

// Progress is how far a job has come.
type Progress struct {
	Started bool // a JobStarted was read before any JobFinished
	Final   bool // a JobFinished was read: the job's row is final
	OpenSh  int  // how many of its sh are open
}

// Open reports whether the job has started and not ended.
func (p Progress) Open() bool { return p.Started && !p.Final }
