// Package cicd has what traces and metrics share of OpenTelemetry's semantic conventions for CI/CD.
package cicd

import (
	"strings"

	"github.com/quire-ci/quire-project/domain"
)

// Result is the value of cicd.pipeline.result and of cicd.pipeline.task.run.result.
type Result string

// The results that a stream can tell. The conventions have more.
const (
	Success Result = "success"
	Failure Result = "failure"
	// Error is the result of a run or job without an end, whose writer or machine has gone.
	Error Result = "error"
)

// The values of error.type.
const (
	PipelineFailure = "pipeline_failure" // of a run that failed
	JobFailed       = "job_failed"       // of a job that failed
	NonzeroExit     = "nonzero_exit"     // of a command that failed
	Incomplete      = "incomplete"       // for a run or job without an end
)

// PipelineName returns the name of a run's pipeline: its label "pipeline" or, since a repository
// has one pipeline, the name of its repository; "" if it has neither.
func PipelineName(labels domain.Labels) string {
	repo := ""
	for label := range labels.All() {
		switch label.Key {
		case "pipeline":
			return label.Value // which is before repo
		case "repo":
			repo = label.Value
		}
	}
	return RepoName(repo)
}

// RepoName returns the last part of a repository's address.
func RepoName(repo string) string {
	repo = strings.TrimSuffix(strings.TrimRight(repo, "/"), ".git")
	return repo[strings.LastIndexAny(repo, "/:")+1:]
}
