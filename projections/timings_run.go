package projections

// RunTiming is the timing of a run as a whole, in milliseconds of the
// producer's clock.
type RunTiming struct {
	// StartedAtMs and LastAtMs are the times of the first and the last event,
	// WallMs is their difference.
	StartedAtMs Null[int64] `json:"started_at_ms"`
	LastAtMs    Null[int64] `json:"last_at_ms"`
	WallMs      Null[int64] `json:"wall_ms"`
	// BusyMs is the time during which at least one job was open, JobMs the sum
	// of all known job durations, PeakJobs the most jobs open at once.
	BusyMs   Null[int64] `json:"busy_ms"`
	JobMs    Null[int64] `json:"job_ms"`
	PeakJobs int         `json:"peak_jobs"`
}

// RunTimings returns the projection "timings.run": one row, final never.
func RunTimings() Projection[RunTiming] { return &runTimings{} }

type runTimings struct {
	Busy     stretches `json:"busy"`
	JobMs    sum       `json:"job_ms"`
	PeakJobs int       `json:"peak_jobs"`
}

func (*runTimings) Name() string { return "timings.run" }

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
		p.JobMs.add(span(step.Job.StartedAtMs, step.AtMs))
	}
	return rows
}

func (p *runTimings) Open(run *Tracker, rows []Row[RunTiming]) []Row[RunTiming] {
	rows, row := addOpen(rows, 0)
	row.BusyMs, row.JobMs, row.PeakJobs = p.Busy.Total.total(), p.JobMs.total(), p.PeakJobs
	if run.Events > 0 {
		row.StartedAtMs, row.LastAtMs = Some(run.FirstAtMs), Some(run.LastAtMs)
		row.WallMs = span(run.FirstAtMs, run.LastAtMs)
	}
	return rows
}
