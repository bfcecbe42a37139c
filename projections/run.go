package projections

import "github.com/quire-ci/quire-project/domain"

// Run is the row of the run itself.
type Run struct {
	RunID domain.RunID `json:"run_id"`
	State State        `json:"state" doc:"State of the run, as its run_finished says; without one, as its jobs say."`
	// Ended says that a RunFinished was read.
	Ended bool `json:"ended" doc:"Whether a run_finished was read."`
	// Events counts all events, UnknownEvents those of an unknown type.
	Events        int64 `json:"events" min:"0" doc:"Number of events, including unknown ones."`
	UnknownEvents int64 `json:"unknown_events" min:"0" doc:"Number of events of an unknown type."`
	Jobs          int   `json:"jobs" min:"0" doc:"Number of jobs."`
	FailedJobs    int   `json:"failed_jobs" min:"0" doc:"Number of failed jobs."`
	ShEvents      int   `json:"sh_events" min:"0" doc:"Number of commands."`
	// FailedSh counts the sh that were closed with a code other than 0, OpenSh
	// those that were not closed.
	FailedSh int `json:"failed_sh" min:"0" doc:"Number of commands that ended with an exit code other than 0."`
	OpenSh   int `json:"open_sh" min:"0" doc:"Number of commands that have not ended."`
}

// Runs is the projection "run": one row, never final, since every event changes it.
var Runs = Define(Declaration[Run]{
	Name: "run", Version: Version, Single: true, Unstored: true,
	New:   func() Projection[Run] { return &runs{} },
	Kinds: []domain.Kind{domain.Unknown, domain.ShFinished, domain.JobFinished},
	Doc:   "The run itself.",
})

type runs struct {
	UnknownEvents int64 `json:"unknown_events"`
	CompleteJobs  int   `json:"complete_jobs"`
	FailedJobs    int   `json:"failed_jobs"`
	FailedSh      int   `json:"failed_sh"`
}

func (p *runs) Reduce(step *Step, rows []Row[Run]) []Row[Run] {
	switch {
	case step.Kind == domain.Unknown:
		p.UnknownEvents++
	case step.ShCloses && step.ExitCode != 0:
		p.FailedSh++
	case step.JobEnds && stateOf(step.Outcome) == Complete:
		p.CompleteJobs++
	case step.JobEnds:
		p.FailedJobs++
	}
	return rows
}

func (p *runs) Open(run *Tracker, rows []Row[Run]) []Row[Run] {
	rows, row := addOpen(rows, 0)
	p.row(run, row)
	return rows
}

func (p *runs) row(run *Tracker, row *Run) {
	*row = Run{
		RunID:         run.RunID,
		State:         p.state(run),
		Ended:         run.Ended(),
		Events:        run.Events,
		UnknownEvents: p.UnknownEvents,
		Jobs:          run.JobCount(),
		FailedJobs:    p.FailedJobs,
		ShEvents:      run.ShStarted,
		FailedSh:      p.FailedSh,
		OpenSh:        run.OpenSh,
	}
}

// state follows from the first RunFinished or, without one, from the jobs.
func (p *runs) state(run *Tracker) State {
	switch {
	case run.Ended():
		return stateOf(run.Outcome)
	case p.FailedJobs > 0:
		return Failed
	case run.JobCount() > 0 && p.CompleteJobs == run.JobCount():
		return Complete
	}
	return Active
}
