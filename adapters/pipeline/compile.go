package pipeline

import (
	"context"
	"errors"
	"fmt"

	"github.com/quire-ci/quire-project/adapters/shell"
)

// compile makes a pipeline of the jobs in a file, and reports jobs that do not fit together.
// [Parse] reports jobs without an id.
func compile(file File) (*shell.Pipeline, []Problem) {
	var jobs []shell.Job
	for _, job := range file.Jobs {
		jobs = append(jobs, shell.Job{
			ID: job.ID.Value, Needs: Values(job.Needs), Run: inOrder(job.Commands),
			Dir: job.Dir.Value, Env: assignments(job.Env), Shell: job.Shell.Command(), Timeout: job.Timeout,
		})
	}
	compiled, err := shell.New(jobs...)
	problems := tooLong(file.Jobs)
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range joined.Unwrap() {
			if unfit, ok := errors.AsType[*shell.JobError](err); ok && (unfit.ID != "" || unfit.Need >= 0) {
				problems = append(problems, jobProblem(file.Jobs, unfit))
			}
		}
	}
	return compiled, problems
}

// maxCommand is the maximum size of a program's argument on Linux without the terminating byte:
// MAX_ARG_STRLEN, see execve(2).
const maxCommand = 128<<10 - 1

// tooLong reports commands that are too long to run.
func tooLong(jobs []Job) (problems []Problem) {
	for _, job := range jobs {
		for i, command := range job.Commands {
			if n := len(command.Value); n > maxCommand {
				what := fmt.Sprintf("command %d of the job has %d bytes, but the system allows only %d; move it into a script", i+1, n, maxCommand)
				problems = append(problems, Problem{At: command.At, What: what})
			}
		}
	}
	return problems
}

// inOrder is the body of a job that has only commands.
func inOrder(commands []Text) func(context.Context, *shell.Shell) error {
	return func(ctx context.Context, sh *shell.Shell) error {
		for _, command := range commands {
			if err := sh.Run(ctx, command.Value); err != nil {
				return err
			}
		}
		return nil
	}
}

// jobProblem adds the position in the file to the error of a job.
func jobProblem(jobs []Job, unfit *shell.JobError) Problem {
	job := jobs[unfit.Index]
	if unfit.Need < 0 {
		return Problem{At: job.ID.At, What: unfit.Error()}
	}
	need := job.Needs[unfit.Need]
	what := unfit.Error()
	if unfit.Problem == shell.UnknownNeed {
		var ids []string
		for _, job := range jobs {
			ids = append(ids, job.ID.Value)
		}
		what += didYouMean(need.Value, ids)
	}
	return Problem{At: need.At, What: what}
}

// Values returns texts without their positions.
func Values(texts []Text) []string {
	var values []string
	for _, text := range texts {
		values = append(values, text.Value)
	}
	return values
}

func assignments(variables []Variable) []string {
	var all []string
	for _, variable := range variables {
		all = append(all, variable.Name+"="+variable.Value)
	}
	return all
}
