package display

import (
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// FailedCommands returns a projection of one row: the number of failed commands, that is, those
// that ended with a code other than 0 in a failed job.
func FailedCommands() projections.Projection[int] { return &failedCommands{Exits: map[int]int{}} }

type failedCommands struct {
	Failed int `json:"failed"`
	// Exits counts codes other than 0 in open jobs, by the index of the job.
	Exits map[int]int `json:"exits"`
}

func (p *failedCommands) Reduce(step *projections.Step, rows []projections.Row[int]) []projections.Row[int] {
	switch {
	case step.ShCloses && step.ExitCode != 0 && !step.Job.Final:
		p.Exits[step.Job.Index]++
	case step.ShCloses && step.ExitCode != 0 && step.Job.Outcome == domain.Failed:
		p.Failed++
	case step.JobEnds:
		if step.Outcome == domain.Failed {
			p.Failed += p.Exits[step.Job.Index]
		}
		delete(p.Exits, step.Job.Index)
	}
	return rows
}

func (p *failedCommands) Open(_ *projections.Tracker, rows []projections.Row[int]) []projections.Row[int] {
	return append(rows, projections.Row[int]{Value: p.Failed})
}
