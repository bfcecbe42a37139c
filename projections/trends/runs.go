package trends

import (
	"cmp"
	"slices"
	"unique"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/compare"
)

// Runs are the latest runs of those that were added. Their memory follows the commands of these runs;
// equal texts are held once.
type Runs struct {
	most int
	runs []*run // oldest first
}

// run is what trends need of a run.
type run struct {
	id         domain.RunID
	began      projections.Null[int64]
	sha, unfit string
	pipeline   Pipeline
	executions []execution
	ends       []execution // of jobs
	failures   []failure
}

// name identifies a command: its job and its normal text. Without a text, it identifies the job.
type name struct {
	Pipeline
	job, cmd string
}

// execution is a command that ended, or a job: that has no command.
type execution struct {
	of     unique.Handle[name]
	ms     projections.Null[int64]
	failed bool
}

func (e *execution) name() name { return e.of.Value() }

// failure is what failures that are one have in common.
type failure struct {
	name
	exit projections.Null[int32]
	line string
}

// LastLine returns the last line that a command of a run wrote, or an empty text if it is not known.
type LastLine func(run *projections.Record, job string, seq int) string

// Latest returns an empty list that keeps the latest runs, at most most.
func Latest(most int) *Runs { return &Runs{most: most} }

// Add adds a run; one that is there already is ignored. lastLine is asked for the commands that failed; it can be nil.
func (r *Runs) Add(record *projections.Record, lastLine LastLine) {
	of := &run{id: record.Run.RunID, began: record.Timings.Run.StartedAtMs}
	at, found := slices.BinarySearchFunc(r.runs, of, order)
	if found || at == 0 && len(r.runs) == r.most {
		return
	}
	of.read(record, lastLine)
	r.runs = slices.Insert(r.runs, at, of)
	if len(r.runs) > r.most {
		r.runs = slices.Delete(r.runs, 0, 1)
	}
}

// order compares runs by their first events. Runs without events come first.
func order(a, b *run) int {
	return cmp.Or(cmp.Compare(rank(a.began), rank(b.began)), cmp.Compare(a.began.V, b.began.V), cmp.Compare(a.id, b.id))
}

func rank(began projections.Null[int64]) int {
	if began.Valid {
		return 1
	}
	return 0
}

func (r *run) read(record *projections.Record, lastLine LastLine) {
	if r.unfit = compare.Unfit(record); r.unfit != "" {
		return
	}
	r.sha, r.pipeline = compare.Label(record, "sha"), Pipeline{compare.Label(record, "repo"), compare.Label(record, "pipeline")}
	failedJobs := map[string]bool{} // and whether a failed command was found
	for i := range record.Jobs {
		job := &record.Jobs[i]
		if job.State == projections.Active {
			continue
		}
		failed := job.State == projections.Failed
		if failed {
			failedJobs[job.JobID] = false
		}
		r.ends = append(r.ends, execution{unique.Make(name{r.pipeline, job.JobID, ""}), took(job), failed})
	}
	for i := range record.ShEvents {
		sh := &record.ShEvents[i]
		if !sh.ExitCode.Valid || !sh.FinishedAtMs.Valid {
			continue
		}
		of := unique.Make(name{r.pipeline, sh.JobID, compare.Normal(sh.Cmd)})
		_, failed := failedJobs[sh.JobID]
		failed = failed && sh.ExitCode.V != 0
		r.executions = append(r.executions, execution{of, projections.Span(sh.StartedAtMs, sh.FinishedAtMs.V), failed})
		if failed {
			failedJobs[sh.JobID] = true
			f := failure{name: of.Value(), exit: sh.ExitCode}
			if lastLine != nil {
				f.line = compare.Normal(lastLine(record, sh.JobID, sh.Seq))
			}
			r.failures = append(r.failures, f)
		}
	}
	for id, found := range failedJobs {
		if !found {
			r.failures = append(r.failures, failure{name: name{r.pipeline, id, ""}})
		}
	}
}

// took returns how long a job took, if that is known.
func took(job *projections.Job) projections.Null[int64] {
	if !job.StartedAtMs.Valid || !job.FinishedAtMs.Valid {
		return projections.Null[int64]{}
	}
	return projections.Span(job.StartedAtMs.V, job.FinishedAtMs.V)
}
