package projections

import "github.com/quire-ci/quire-project/domain"

// JobTiming is the timing of a job, in milliseconds.
type JobTiming struct {
	JobID string `json:"job_id" doc:"Id of the job."`
	// OffsetMs is from the run's first event to the job's start, DurationMs
	// from there to its end.
	OffsetMs   Null[int64] `json:"offset_ms" min:"0" doc:"From the run's first event to the job's start, in milliseconds."`
	DurationMs Null[int64] `json:"duration_ms" min:"0" doc:"From the job's start to its end, in milliseconds."`
	// ShCount counts the job's sh. ShMs is the time covered by those that were closed, GapMs
	// the rest of the duration.
	ShCount int         `json:"sh_count" min:"0" doc:"Number of commands that started before the job ended."`
	ShMs    Null[int64] `json:"sh_ms" min:"0" doc:"Time covered by the commands that ended before the job did, in milliseconds."`
	GapMs   Null[int64] `json:"gap_ms" min:"0" doc:"duration_ms minus sh_ms, in milliseconds."`
}

// JobTimings is the projection "timings.jobs": one row for each job, in
// order of first mention, final at the job's first JobFinished.
var JobTimings = Define(Declaration[JobTiming]{
	Name: "timings.jobs", Version: Version, Key: []string{"job_id"}, Table: "timings",
	New:   func() Projection[JobTiming] { return &jobTimings{} },
	Kinds: []domain.Kind{domain.JobFinished},
	Doc:   "How long the jobs took, in the order of jobs.",
})

type jobTimings struct{}

func (*jobTimings) Reduce(step *Step, rows []Row[JobTiming]) []Row[JobTiming] {
	if !step.JobEnds {
		return rows
	}
	rows, row := addFinal(rows, step.Job.Index)
	step.Job.timing(step.Run, row)
	return rows
}

func (*jobTimings) Open(run *Tracker, rows []Row[JobTiming]) []Row[JobTiming] {
	for job := range run.Jobs() {
		if !job.Final {
			var row *JobTiming
			rows, row = addOpen(rows, job.Index)
			job.timing(run, row)
		}
	}
	return rows
}

func (j *TrackedJob) timing(run *Tracker, row *JobTiming) {
	row.JobID, row.ShCount, row.ShMs = j.ID, j.ShCount, j.inSh.total()
	if j.Started {
		row.OffsetMs = Span(run.FirstAtMs, j.StartedAtMs)
	}
	if j.Started && j.Final {
		row.DurationMs = Span(j.StartedAtMs, j.FinishedAtMs)
	}
	if row.DurationMs.Valid && row.ShMs.Valid {
		row.GapMs = Span(row.ShMs.V, row.DurationMs.V)
	}
}
