package projections

import "github.com/quire-ci/quire-project/domain"

// ShTiming is the timing of a shell command, in milliseconds.
type ShTiming struct {
	JobID string `json:"job_id" doc:"Id of the command's job."`
	Seq   int    `json:"seq" min:"1" doc:"Number of the command within its job, from 1."`
	// OffsetMs is from the run's first event to the command's start,
	// DurationMs from there to its end.
	OffsetMs   Null[int64] `json:"offset_ms" min:"0" doc:"From the run's first event to the command's start, in milliseconds."`
	DurationMs Null[int64] `json:"duration_ms" min:"0" doc:"From the command's start to its end, in milliseconds."`
}

// ShTimings is the projection "timings.sh_events": one row for each
// ShStarted, in stream order, final when the sh is closed.
var ShTimings = Define(Declaration[ShTiming]{
	Name: "timings.sh_events", Version: Version, Key: []string{"job_id", "seq"}, Unstored: true,
	New:   func() Projection[ShTiming] { return &shTimings{} },
	Kinds: []domain.Kind{domain.ShFinished},
	Doc:   "How long the commands took, in the order of sh_events.",
})

type shTimings struct{}

func (*shTimings) Reduce(step *Step, rows []Row[ShTiming]) []Row[ShTiming] {
	if !step.ShCloses {
		return rows
	}
	rows, row := addFinal(rows, step.Sh.Index)
	step.Sh.timing(step.Run, step.Job, row)
	row.DurationMs = Span(step.Sh.StartedAtMs, step.AtMs)
	return rows
}

func (*shTimings) Open(run *Tracker, rows []Row[ShTiming]) []Row[ShTiming] {
	run.EachOpenSh(func(job *TrackedJob, sh *TrackedSh) {
		var row *ShTiming
		rows, row = addOpen(rows, sh.Index)
		sh.timing(run, job, row)
	})
	return rows
}

func (sh *TrackedSh) timing(run *Tracker, job *TrackedJob, row *ShTiming) {
	row.JobID, row.Seq, row.OffsetMs = job.ID, sh.Seq, Span(run.FirstAtMs, sh.StartedAtMs)
}
