package projections

import "github.com/quire-ci/quire-project/domain"

// RunTiming is the timing of a run as a whole, in milliseconds of the
// producer's clock.
type RunTiming struct {
	// StartedAtMs and LastAtMs are the times of the first and the last event,
	// WallMs is their difference.
	StartedAtMs Null[int64] `json:"started_at_ms" doc:"Time of the first event, in milliseconds since the Unix epoch."`
	LastAtMs    Null[int64] `json:"last_at_ms" doc:"Time of the last event, in milliseconds since the Unix epoch."`
	WallMs      Null[int64] `json:"wall_ms" min:"0" doc:"From the first event to the last, in milliseconds."`
	// BusyMs is the time with at least one open job, JobMs the sum of all known durations of
	// jobs, PeakJobs the most jobs that were open at once.
	BusyMs   Null[int64] `json:"busy_ms" min:"0" doc:"Time with at least one job open, in milliseconds."`
	JobMs    Null[int64] `json:"job_ms" min:"0" doc:"Sum of the known durations of jobs, in milliseconds."`
	PeakJobs int         `json:"peak_jobs" min:"0" doc:"Largest number of jobs that were open at once."`
}

// RunTimings is the projection "timings.run": one row, never final.
var RunTimings = Define(Declaration[RunTiming]{
	Name: "timings.run", Version: Version, Single: true, Unstored: true,
	New:   func() Projection[RunTiming] { return &runTimings{} },
	Kinds: []domain.Kind{domain.JobStarted, domain.JobFinished},
	Doc:   "How long the run took.",
})

type runTimings struct {
	Busy     stretches `json:"busy"`
	JobMs    sum       `json:"job_ms"`
	PeakJobs int       `json:"peak_jobs"`
}

func (p *runTimings) Reduce(step *Step, rows []Row[RunTiming]) []Row[RunTiming] {
	switch {
	case step.JobStarts:
		if step.Run.OpenJobs == 1 {
			p.Busy.begin(step.AtMs)
		}
		p.PeakJobs = max(p.PeakJobs, step.Run.OpenJobs)
	case step.JobEnds && step.Job.Started:
		if step.Run.OpenJobs == 0 {
			p.Busy.end(step.AtMs)
		}
		p.JobMs.add(Span(step.Job.StartedAtMs, step.AtMs))
	}
	return rows
}

func (p *runTimings) Open(run *Tracker, rows []Row[RunTiming]) []Row[RunTiming] {
	rows, row := addOpen(rows, 0)
	p.row(run, row)
	return rows
}

func (p *runTimings) row(run *Tracker, row *RunTiming) {
	row.BusyMs, row.JobMs, row.PeakJobs = p.Busy.Total.total(), p.JobMs.total(), p.PeakJobs
	if run.Events > 0 {
		row.StartedAtMs, row.LastAtMs = Some(run.FirstAtMs), Some(run.LastAtMs)
		row.WallMs = Span(run.FirstAtMs, run.LastAtMs)
	}
}
