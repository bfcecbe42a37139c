package projections

import "github.com/quire-ci/quire-project/domain"

// RunRow is a row of the table runs: the run with its timing.
type RunRow struct {
	Run
	RunTiming
}

// RunTable is the projection of the table runs, with the columns of "run" and of
// "timings.run": readers need both, and sort by them.
var RunTable = Define(Declaration[RunRow]{
	Name: "runs", Version: Version, Single: true, Holds: []string{"run", "timings.run"},
	New:   func() Projection[RunRow] { return &runTable{} },
	Kinds: []domain.Kind{domain.Unknown, domain.ShFinished, domain.JobStarted, domain.JobFinished},
	// For pages of runs, newest first.
	Indexes: []Index{
		{Name: "newest", Columns: "started_at_ms DESC, run_id"},
		{Name: "state", Columns: "state, ended, started_at_ms DESC, run_id"},
	},
	Doc: "The run itself, with its timing.",
})

type runTable struct {
	Run    runs       `json:"run"`
	Timing runTimings `json:"timing"`
}

func (p *runTable) Reduce(step *Step, rows []Row[RunRow]) []Row[RunRow] {
	p.Run.Reduce(step, nil)
	p.Timing.Reduce(step, nil)
	return rows
}

func (p *runTable) Open(run *Tracker, rows []Row[RunRow]) []Row[RunRow] {
	rows, row := addOpen(rows, 0)
	p.Run.row(run, &row.Run)
	p.Timing.row(run, &row.RunTiming)
	return rows
}
