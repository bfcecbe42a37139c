package live

import (
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// happening is something that people who wait for a run want to be told.
type happening struct {
	What what `json:"what"`
	// Job is the index of the job, JobID its id.
	Job   int    `json:"job"`
	JobID string `json:"job_id"`
	// Seq, Cmd and ExitCode are those of a command that ended with a code other than 0.
	Seq      int    `json:"seq"`
	Cmd      string `json:"cmd"`
	ExitCode int32  `json:"exit_code"`
	// Outcome is that of a job or of the run.
	Outcome string `json:"outcome"`
	// TookMs is how long what ended had been going on.
	TookMs projections.Null[int64] `json:"took_ms" min:"0"`
}

type what int

const (
	jobStarted what = iota
	jobEnded
	shExited
	runEnded
)

// told is a projection of happenings, in stream order. Every row is final at once.
var told = projections.Define(projections.Declaration[happening]{
	Name: "live.happenings", Version: 1, Key: []string{"position"}, Unstored: true,
	New: func() projections.Projection[happening] { return &happenings{} },
})

type happenings struct {
	Count int `json:"count"`
}

func (*happenings) Open(_ *projections.Tracker, rows []projections.Row[happening]) []projections.Row[happening] {
	return rows
}

func (p *happenings) Reduce(step *projections.Step, rows []projections.Row[happening]) []projections.Row[happening] {
	var h happening
	switch {
	case step.JobStarts:
		h = happening{What: jobStarted}
	case step.JobEnds:
		h = happening{What: jobEnded, Outcome: step.Outcome.String()}
		if step.Job.Started {
			h.TookMs = projections.Span(step.Job.StartedAtMs, step.AtMs)
		}
	case step.ShCloses && step.ExitCode != 0:
		h = happening{What: shExited, Seq: step.Sh.Seq, Cmd: step.Sh.Cmd, ExitCode: step.ExitCode,
			TookMs: projections.Span(step.Sh.StartedAtMs, step.AtMs)}
	case step.Kind == domain.RunFinished && !step.AfterRun:
		h = happening{What: runEnded, Outcome: step.Outcome.String(), TookMs: projections.Span(step.Run.FirstAtMs, step.AtMs)}
	default:
		return rows // most steps are nothing to tell
	}
	if step.Job != nil {
		h.Job, h.JobID = step.Job.Index, step.Job.ID
	}
	rows = append(rows, projections.Row[happening]{Index: p.Count, Final: true, Value: h})
	p.Count++
	return rows
}
