package projections

import "encoding/json"

// JobTiming is the timing of a job, in milliseconds.
type JobTiming struct {
	JobID string `json:"job_id"`
	// OffsetMs is from the run's first event to the job's start, DurationMs
	// from there to its end.
	OffsetMs   Null[int64] `json:"offset_ms"`
	DurationMs Null[int64] `json:"duration_ms"`
	// ShCount counts the job's sh; ShMs is the time during which at least one
	// of them was open, GapMs what is left of the duration.
	ShCount int         `json:"sh_count"`
	ShMs    Null[int64] `json:"sh_ms"`
	GapMs   Null[int64] `json:"gap_ms"`
}

// JobTimings returns the projection "timings.jobs": one row for each job, in
// order of first mention, final at the job's first JobFinished.
func JobTimings() Projection[JobTiming] { return &jobTimings{} }

type jobTimings struct {
	sh pages[stretches] // by the job's index; zero for jobs that are final
}

func (*jobTimings) Name() string { return "timings.jobs" }

func (p *jobTimings) Reduce(step *Step, rows []Row[JobTiming]) []Row[JobTiming] {
	switch {
	case step.Job == nil || step.JobBefore.Final:
	case step.ShOpens && step.JobBefore.OpenSh == 0:
		p.stretches(step.Job).begin(step.AtMs)
	case step.ShCloses && step.Job.OpenSh == 0:
		p.stretches(step.Job).end(step.AtMs)
	case step.JobEnds:
		rows, row := addFinal(rows, step.Job.Index)
		p.row(step.Run, step.Job, row)
		if step.Job.Index < p.sh.len() {
			*p.sh.at(step.Job.Index) = stretches{}
		}
		return rows
	}
	return rows
}

func (p *jobTimings) Open(run *Tracker, rows []Row[JobTiming]) []Row[JobTiming] {
	for job := range run.Jobs() {
		if !job.Final {
			var row *JobTiming
			rows, row = addOpen(rows, job.Index)
			p.row(run, job, row)
		}
	}
	return rows
}

// stretches returns the time that job has spent in its sh so far.
func (p *jobTimings) stretches(job *TrackedJob) *stretches {
	for p.sh.len() <= job.Index {
		p.sh.add()
	}
	return p.sh.at(job.Index)
}

func (p *jobTimings) row(run *Tracker, job *TrackedJob, row *JobTiming) {
	row.JobID, row.ShCount, row.ShMs = job.ID, job.ShCount, Some[int64](0)
	if job.Index < p.sh.len() {
		row.ShMs = p.sh.at(job.Index).Total.total()
	}
	if job.Started {
		row.OffsetMs = span(run.FirstAtMs, job.StartedAtMs)
	}
	if job.Started && job.Final {
		row.DurationMs = span(job.StartedAtMs, job.FinishedAtMs)
	}
	if row.DurationMs.Valid && row.ShMs.Valid {
		row.GapMs = span(row.ShMs.V, row.DurationMs.V)
	}
}

// MarshalJSON encodes the stretches that are not zero, by their jobs' indexes.
func (p *jobTimings) MarshalJSON() ([]byte, error) {
	state, i := map[int]stretches{}, 0
	for s := range p.sh.all() {
		if *s != (stretches{}) {
			state[i] = *s
		}
		i++
	}
	return json.Marshal(state)
}

// UnmarshalJSON decodes what MarshalJSON has encoded.
func (p *jobTimings) UnmarshalJSON(data []byte) error {
	var state map[int]stretches
	if err := json.Unmarshal(data, &state); err != nil {
		return err
	}
	for i, s := range state {
		if i < 0 || i > maxJobs {
			return errBrokenState
		}
		for p.sh.len() <= i {
			p.sh.add()
		}
		*p.sh.at(i) = s
	}
	return nil
}

// maxJobs is how many jobs a saved state may speak of, so that a damaged one
// does not fill the memory.
const maxJobs = 1 << 24
