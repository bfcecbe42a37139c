package projections

import "github.com/quire-ci/quire-project/domain"

// State is the state of a job or a run.
type State string

// The states of a job or a run.
const (
	Active   State = "active"
	Complete State = "complete"
	Failed   State = "failed"
)

// Values are all states.
func (State) Values() []string { return []string{string(Active), string(Complete), string(Failed)} }

// Job is the row of a job that a job or sh event names.
type Job struct {
	JobID string `json:"job_id" doc:"Id of the job."`
	State State  `json:"state" doc:"State of the job."`
	// StartedAtMs and FinishedAtMs are the times of the job's first JobStarted and JobFinished, in
	// milliseconds since the Unix epoch.
	StartedAtMs  Null[int64] `json:"started_at_ms" doc:"Time of the first job_started, in milliseconds since the Unix epoch."`
	FinishedAtMs Null[int64] `json:"finished_at_ms" doc:"Time of the first job_finished, in milliseconds since the Unix epoch."`
	// ExitCode is the exit code of the command that finished last before the job did.
	ExitCode Null[int32] `json:"exit_code" doc:"Exit code of the command that finished last before the job did."`
}

// Jobs is the projection "jobs": one row for each job, in order of first mention. A row
// is final at its job's first JobFinished.
var Jobs = Define(Declaration[Job]{
	Name: "jobs", Version: Version, Key: []string{"job_id"},
	New:   func() Projection[Job] { return &jobs{} },
	Kinds: []domain.Kind{domain.JobFinished},
	// For the jobs that run now: few rows among many.
	Indexes: []Index{{Name: "active", Columns: "run_id", Where: "state = 'active'"}},
	Doc:     "The jobs, in order of first mention.",
})

type jobs struct{}

func (*jobs) Reduce(step *Step, rows []Row[Job]) []Row[Job] {
	if !step.JobEnds {
		return rows
	}
	rows, row := addFinal(rows, step.Job.Index)
	step.Job.row(row)
	return rows
}

func (*jobs) Open(run *Tracker, rows []Row[Job]) []Row[Job] {
	for job := range run.Jobs() {
		if !job.Final {
			var row *Job
			rows, row = addOpen(rows, job.Index)
			job.row(row)
		}
	}
	return rows
}

func (j *TrackedJob) row(row *Job) {
	row.JobID, row.State, row.ExitCode = j.ID, Active, j.ExitCode
	if j.Started {
		row.StartedAtMs = Some(j.StartedAtMs)
	}
	if j.Final {
		row.FinishedAtMs = Some(j.FinishedAtMs)
		row.State = stateOf(j.Outcome)
	}
}

func stateOf(o domain.Outcome) State {
	if o == domain.Complete {
		return Complete
	}
	return Failed
}
