package projections

// ShTiming is the timing of a shell command, in milliseconds.
type ShTiming struct {
	JobID string `json:"job_id"`
	Seq   int    `json:"seq"`
	// OffsetMs is from the run's first event to the command's start,
	// DurationMs from there to its end.
	OffsetMs   Null[int64] `json:"offset_ms"`
	DurationMs Null[int64] `json:"duration_ms"`
}

// ShTimings returns the projection "timings.sh_events": one row for each
// ShStarted, in stream order, final when the sh is closed.
func ShTimings() Projection[ShTiming] { return shTimings{} }

type shTimings struct{}

func (shTimings) Name() string { return "timings.sh_events" }

func (shTimings) Reduce(step *Step, rows []Row[ShTiming]) []Row[ShTiming] {
	if !step.ShCloses {
		return rows
	}
	row := step.Sh.timing(step.Run, step.Job)
	row.DurationMs = span(step.Sh.StartedAtMs, step.AtMs)
	return append(rows, final(step.Sh.Index, row))
}

func (shTimings) Open(run *Tracker, rows []Row[ShTiming]) []Row[ShTiming] {
	run.EachOpenSh(func(job *TrackedJob, sh *TrackedSh) {
		rows = append(rows, open(sh.Index, sh.timing(run, job)))
	})
	return rows
}

func (sh *TrackedSh) timing(run *Tracker, job *TrackedJob) ShTiming {
	return ShTiming{JobID: job.ID, Seq: sh.Seq, OffsetMs: span(run.FirstAtMs, sh.StartedAtMs)}
}
