package live

import (
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// milestone is an event that matters to people who wait for a run.
type milestone struct {
	What what `json:"what"`
	// Job is the index of the job, JobID its id.
	Job   int    `json:"job"`
	JobID string `json:"job_id"`
	// Seq, Cmd and ExitCode describe a command that ended with a code other than 0.
	Seq      int    `json:"seq"`
	Cmd      string `json:"cmd"`
	ExitCode int32  `json:"exit_code"`
	// Outcome is the outcome of a job or of the run.
	Outcome string `json:"outcome"`
	// TookMs is the duration of the command, job or run that ended.
	TookMs projections.Null[int64] `json:"took_ms" min:"0"`
}

type what int

const (
	jobStarted what = iota
	jobEnded
	shExited
	runEnded
)

// milestones is the projection to milestones, in stream order. Every row is final at once.
var milestones = projections.Define(projections.Declaration[milestone]{
	Name: "live.milestones", Version: 1, Key: []string{"position"}, Unstored: true,
	New: func() projections.Projection[milestone] { return &reducer{} },
})

type reducer struct {
	Count int `json:"count"`
}

func (*reducer) Open(_ *projections.Tracker, rows []projections.Row[milestone]) []projections.Row[milestone] {
	return rows
}

func (p *reducer) Reduce(step *projections.Step, rows []projections.Row[milestone]) []projections.Row[milestone] {
	var m milestone
	switch {
	case step.JobStarts:
		m = milestone{What: jobStarted}
	case step.JobEnds:
		m = milestone{What: jobEnded, Outcome: step.Outcome.String()}
		if step.Job.Started {
			m.TookMs = projections.Span(step.Job.StartedAtMs, step.AtMs)
		}
	case step.ShCloses && step.ExitCode != 0:
		m = milestone{What: shExited, Seq: step.Sh.Seq, Cmd: step.Sh.Cmd, ExitCode: step.ExitCode,
			TookMs: projections.Span(step.Sh.StartedAtMs, step.AtMs)}
	case step.Kind == domain.RunFinished && !step.AfterRun:
		m = milestone{What: runEnded, Outcome: step.Outcome.String(), TookMs: projections.Span(step.Run.FirstAtMs, step.AtMs)}
	default:
		return rows // most steps are no milestone
	}
	if step.Job != nil {
		m.Job, m.JobID = step.Job.Index, step.Job.ID
	}
	rows = append(rows, projections.Row[milestone]{Index: p.Count, Final: true, Value: m})
	p.Count++
	return rows
}
