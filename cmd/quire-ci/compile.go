package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/quire-ci/quire-project/adapters/pipeline"
	"github.com/quire-ci/quire-project/adapters/shell"
)

// compile makes a pipeline that can run of the jobs in a file. It finds what is
// wrong with them as a whole; that a job has no id, the file's problems have told.
func compile(file pipeline.File) (*shell.Pipeline, []pipeline.Problem) {
	var jobs []shell.Job
	for _, job := range file.Jobs {
		jobs = append(jobs, shell.Job{
			ID: job.ID.Value, Needs: values(job.Needs), Run: inOrder(job.Commands),
			Dir: job.Dir.Value, Env: assignments(job.Env), Shell: job.Shell.Command(), Timeout: job.Timeout,
		})
	}
	compiled, err := shell.New(jobs...)
	problems := tooLong(file.Jobs)
	for _, err := range each(err) {
		var unfit *shell.JobError
		if errors.As(err, &unfit) && (unfit.ID != "" || unfit.Need >= 0) {
			problems = append(problems, problem(file.Jobs, unfit))
		}
	}
	return compiled, problems
}

// maxCommand is how many bytes Linux takes as one argument of a program, less the one that
// ends it: MAX_ARG_STRLEN, see execve(2).
const maxCommand = 128<<10 - 1

// tooLong finds commands that cannot be run.
func tooLong(jobs []pipeline.Job) (problems []pipeline.Problem) {
	for _, job := range jobs {
		for i, command := range job.Commands {
			if n := len(command.Value); n > maxCommand {
				what := fmt.Sprintf("command %d of the job has %d bytes, and %d are what can be run; put it into a script", i+1, n, maxCommand)
				problems = append(problems, pipeline.Problem{At: command.At, What: what})
			}
		}
	}
	return problems
}

// inOrder is the body of a job that has commands and nothing else.
func inOrder(commands []pipeline.Text) func(context.Context, *shell.Shell) error {
	return func(ctx context.Context, sh *shell.Shell) error {
		for _, command := range commands {
			if err := sh.Run(ctx, command.Value); err != nil {
				return err
			}
		}
		return nil
	}
}

// problem says where in the file a job does not fit.
func problem(jobs []pipeline.Job, unfit *shell.JobError) pipeline.Problem {
	job := jobs[unfit.Index]
	if unfit.Need < 0 {
		return pipeline.Problem{At: job.ID.At, What: unfit.Error()}
	}
	need := job.Needs[unfit.Need]
	what := unfit.Error()
	if unfit.Problem == shell.UnknownNeed {
		what += pipeline.DidYouMean(need.Value, ids(jobs))
	}
	return pipeline.Problem{At: need.At, What: what}
}

func ids(jobs []pipeline.Job) []string {
	var ids []string
	for _, job := range jobs {
		ids = append(ids, job.ID.Value)
	}
	return ids
}

func values(texts []pipeline.Text) []string {
	var values []string
	for _, text := range texts {
		values = append(values, text.Value)
	}
	return values
}

// each returns the errors that were joined to err.
func each(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return nil
}
