package projections

import "github.com/quire-ci/quire-project/domain"

// ShEvent is the row of a shell command.
type ShEvent struct {
	JobID string `json:"job_id" doc:"Id of the command's job."`
	// Seq counts from 1 within the job. It is in the name of the command's log.
	Seq         int    `json:"seq" min:"1" doc:"Number of the command within its job, from 1."`
	Cmd         string `json:"cmd" doc:"Text of the command."`
	StartedAtMs int64  `json:"started_at_ms" doc:"Time of the sh_started, in milliseconds since the Unix epoch."`
	// FinishedAtMs and ExitCode are unknown while the command runs.
	FinishedAtMs Null[int64] `json:"finished_at_ms" doc:"Time of its sh_finished, in milliseconds since the Unix epoch; null while it is open."`
	ExitCode     Null[int32] `json:"exit_code" doc:"Exit code of the command; null while it is open."`
}

// ShEvents is the projection "sh_events": one row for each ShStarted, in stream order. A
// ShFinished closes the newest open sh of its job, which makes the row final: the commands
// of a job run one after the other, so a command that is open while another one starts
// never ran.
var ShEvents = Define(Declaration[ShEvent]{
	Name: "sh_events", Version: Version, Key: []string{"job_id", "seq"},
	New:     func() Projection[ShEvent] { return &shEvents{} },
	Kinds:   []domain.Kind{domain.ShFinished},
	Indexes: []Index{{Name: "open", Columns: "run_id", Where: "finished_at_ms IS NULL"}},
	Doc:     "The commands, in the order in which they started.",
})

type shEvents struct{}

func (*shEvents) Reduce(step *Step, rows []Row[ShEvent]) []Row[ShEvent] {
	if !step.ShCloses {
		return rows
	}
	rows, row := addFinal(rows, step.Sh.Index)
	step.Sh.row(step.Job, row)
	row.FinishedAtMs, row.ExitCode = Some(step.AtMs), Some(step.ExitCode)
	return rows
}

func (*shEvents) Open(run *Tracker, rows []Row[ShEvent]) []Row[ShEvent] {
	run.EachOpenSh(func(job *TrackedJob, sh *TrackedSh) {
		var row *ShEvent
		rows, row = addOpen(rows, sh.Index)
		sh.row(job, row)
	})
	return rows
}

func (sh *TrackedSh) row(job *TrackedJob, row *ShEvent) {
	row.JobID, row.Seq, row.Cmd, row.StartedAtMs = job.ID, sh.Seq, sh.Cmd, sh.StartedAtMs
}
