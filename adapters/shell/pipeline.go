package shell

import (
	"context"
	"slices"
	"time"
)

// Job is a job of a pipeline.
type Job struct {
	// ID names the job, in the stream and as the folder of its logs. It is
	// 1 to 255 bytes of UTF-8 and fit to be a file's name; see [BadID].
	ID string
	// Needs are the ids of the jobs that have to be complete before this one.
	Needs []string
	// Run is the job's body. The job is complete when it returns nil, and failed
	// when it returns an error or panics.
	//
	// The context ends when the run is to stop; a body that waits for anything
	// else than commands has to heed it. Both arguments are of no use after Run
	// has returned: a command that is running then is stopped, and fails the job.
	Run func(ctx context.Context, sh *Shell) error

	// Dir is the folder that the job's commands run in, from the workspace on.
	Dir string
	// Env are variables, as NAME=value, that the job's commands have besides those in
	// [Options.Env], and instead of those that have the same name.
	Env []string
	// Shell runs the job's commands, instead of [Options.Shell].
	Shell []string
	// Timeout is how long the job may take; as long as it likes, if 0. When it is over,
	// the command that runs is stopped as if the run was to stop, and the job has failed
	// with a [*TimeoutError].
	Timeout time.Duration
}

// Pipeline is a set of jobs that fit together, in the order in which they run.
// It can be run any number of times, also at once.
type Pipeline struct {
	jobs []Job
}

// New makes a pipeline of jobs. It finds all that is wrong with them: the
// error is then one of errors.Join, of a [*JobError] for each problem.
func New(jobs ...Job) (*Pipeline, error) {
	var problems problems
	index := problems.ids(jobs)
	problems.needs(jobs, index)
	order := problems.order(jobs, index)
	if err := problems.join(); err != nil {
		return nil, err
	}
	p := &Pipeline{jobs: make([]Job, len(jobs))}
	for i, from := range order {
		p.jobs[i] = jobs[from]
		p.jobs[i].Needs = slices.Clone(jobs[from].Needs)
	}
	return p, nil
}

// Order returns the ids of the jobs in the order in which they run: those that
// a job needs before it and, where there is a choice, as they were given to
// [New].
func (p *Pipeline) Order() []string {
	ids := make([]string, len(p.jobs))
	for i := range p.jobs {
		ids[i] = p.jobs[i].ID
	}
	return ids
}
