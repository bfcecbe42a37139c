package laws_test

import (
	"fmt"
	"testing"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
)

// FailedSh is the row of a job: how many of its commands have failed.
type FailedSh struct {
	JobID string `json:"job_id"`
	Count int    `json:"count"`
}

// FailedByJob is your own projection.
var FailedByJob = projections.Define(projections.Declaration[FailedSh]{
	Name:    "failed_by_job",
	Version: 1,
	Key:     []string{"job_id"},
	New:     func() projections.Projection[FailedSh] { return &failedSh{} },
	Doc:     "How many commands of each job have failed.",
})

// failedSh is its reducer. The tracker numbers jobs, so that a slice is enough for the state. The field
// is exported so that the fold can save it, and the reducer is a pointer so that the fold can restore it.
type failedSh struct {
	ByJob []int `json:"by_job"`
}

// Reduce counts. No row is ever final: a command can fail after its job ended.
func (p *failedSh) Reduce(step *projections.Step, rows []projections.Row[FailedSh]) []projections.Row[FailedSh] {
	if step.ShCloses && step.ExitCode != 0 {
		for len(p.ByJob) <= step.Job.Index {
			p.ByJob = append(p.ByJob, 0)
		}
		p.ByJob[step.Job.Index]++
	}
	return rows
}

func (p *failedSh) Open(run *projections.Tracker, rows []projections.Row[FailedSh]) []projections.Row[FailedSh] {
	for job := range run.Jobs() {
		row := FailedSh{JobID: job.ID}
		if job.Index < len(p.ByJob) {
			row.Count = p.ByJob[job.Index]
		}
		rows = append(rows, projections.Row[FailedSh]{Index: job.Index, Value: row})
	}
	return rows
}

// A test checks your own projection against the laws.
func ExampleCheck() {
	var t *testing.T // the parameter of the test whose body this is

	laws.Check(t, FailedByJob, laws.Independent(func(row FailedSh) string { return row.JobID }))
}

// Your own projection runs beside others in one pass over a stream.
func Example_fold() {
	fold := projections.NewFold("42",
		FailedByJob.Into(func(row *projections.Row[FailedSh]) { fmt.Println(row.Value.JobID, row.Value.Count) }),
		projections.Jobs.Into(func(row *projections.Row[projections.Job]) { fmt.Println(row.Value.JobID, row.Value.State) }),
	)
	for _, event := range []domain.Event{
		domain.NewJobStarted(1, "build"),
		domain.NewShStarted(2, "build", "false"),
		domain.NewShFinished(3, "build", 1),
		domain.NewJobFinished(4, "build", domain.Failed),
	} {
		fold.Apply(&domain.Entry{Event: event})
	}
	fold.Open() // gives the rows that can still change
	// Output:
	// build failed
	// build 1
}
