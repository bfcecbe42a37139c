package projections

import "github.com/quire-ci/quire-project/domain"

// Run is the row of the run itself.
type Run struct {
	RunID domain.RunID `json:"run_id"`
	State State        `json:"state"`
	// Ended is set when a RunFinished was read.
	Ended bool `json:"ended"`
	// Events counts all events, UnknownEvents those of an unknown type.
	Events        int64 `json:"events"`
	UnknownEvents int64 `json:"unknown_events"`
	Jobs          int   `json:"jobs"`
	FailedJobs    int   `json:"failed_jobs"`
	ShEvents      int   `json:"sh_events"`
	// FailedSh counts the sh that were closed with a code other than 0, OpenSh
	// those that were not closed.
	FailedSh int `json:"failed_sh"`
	OpenSh   int `json:"open_sh"`
}

// Runs returns the projection "run": one row, final never, since any event
// counts.
func Runs() Projection[Run] { return &runs{} }

type runs struct {
	UnknownEvents int64 `json:"unknown_events"`
	CompleteJobs  int   `json:"complete_jobs"`
	FailedJobs    int   `json:"failed_jobs"`
	FailedSh      int   `json:"failed_sh"`
}

func (*runs) Name() string { return "run" }

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
	return rows
}

// state is what the first RunFinished says; without one, what the jobs say.
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
