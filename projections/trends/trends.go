package trends

import (
	"cmp"
	"math"
	"slices"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/compare"
)

// Trends are the trends of the latest runs.
type Trends struct {
	// Runs counts the runs that were used.
	Runs int `json:"runs"`
	// LeftOut has the runs that were not used, oldest first.
	LeftOut []LeftOut `json:"left_out"`
	// Commands has the commands that changed most first, followed by the slowest ones.
	Commands []Command `json:"commands"`
	// Jobs are in the order of their pipelines and ids.
	Jobs []Job `json:"jobs"`
	// Failures are the most frequent ones first.
	Failures []Failure `json:"failures"`
}

// Pipeline is the labels repo and pipeline of runs; empty if they have none. Jobs and commands of different
// pipelines are different.
type Pipeline struct {
	Repo string `json:"repo"`
	Name string `json:"pipeline"`
}

// LeftOut is a run that was not used, and the reason.
type LeftOut = compare.LeftOut

// Command is a command of a job in all runs.
type Command struct {
	Pipeline
	JobID string `json:"job_id"`
	// Cmd is the normal text, as [compare.Normal] makes it.
	Cmd string `json:"cmd"`
	Series
}

// Series has the results of a command or a job, in the order of the runs.
type Series struct {
	// Count is how often it ended. Failed is how often it failed; a command does with an exit code other than
	// 0 in a job that failed.
	Count       int     `json:"count"`
	Failed      int     `json:"failed"`
	FailureRate float64 `json:"failure_rate"`
	// MedianMs and P95Ms are computed from successful executions; null if there is none.
	MedianMs projections.Null[int64] `json:"median_ms"`
	P95Ms    projections.Null[int64] `json:"p95_ms"`
	Changes  []Change                `json:"changes"`
	// Points are the runs in which it ended.
	Points []Point `json:"-"`
}

// Point is a run in which a command or a job ended.
type Point struct {
	RunID       domain.RunID
	StartedAtMs projections.Null[int64]
	// Ms is the median of the successful executions; null if there is none.
	Ms     projections.Null[int64]
	Failed bool // at least once
}

// Change is a run from which on a command or a job takes longer or shorter.
type Change struct {
	// RunID is the first run that is slower or faster.
	RunID       domain.RunID            `json:"run_id"`
	StartedAtMs projections.Null[int64] `json:"started_at_ms"`
	// BeforeMs and AfterMs are medians of the runs up to the neighbouring changes.
	BeforeMs int64 `json:"before_ms"`
	AfterMs  int64 `json:"after_ms"`
	DeltaMs  int64 `json:"delta_ms"`
}

// Stability says whether a job fails for no reason.
type Stability string

// The kinds of stability. Unclear is a job that fails now and then in runs without a sha.
const (
	Stable  Stability = "stable"
	Flaky   Stability = "flaky"
	Unclear Stability = "fails now and then"
)

// Job is how a job ended in all runs. A job that is [Stable] can fail: for each sha, it always does
// or never.
type Job struct {
	Pipeline
	JobID string `json:"job_id"`
	Series
	Stability Stability `json:"stability"`
	// FlakyShas are the commits on which it both failed and succeeded, sorted.
	FlakyShas []string `json:"flaky_shas"`
}

// Failure is failures that are one: of the same job, command, exit code and last line.
type Failure struct {
	Pipeline
	JobID string `json:"job_id"`
	// Cmd is the normal text; it is empty, and ExitCode null, if the job failed without a failed command.
	Cmd      string                  `json:"cmd"`
	ExitCode projections.Null[int32] `json:"exit_code"`
	// LastLine is the normal text of the last line of the log; empty if it is not known.
	LastLine string `json:"last_line"`
	Count    int    `json:"count"`
	// FirstRun and LastRun are the first and the last run with it.
	FirstRun domain.RunID `json:"first_run"`
	LastRun  domain.RunID `json:"last_run"`
}

// Several reports whether the jobs are of several pipelines.
func (t *Trends) Several() bool {
	return slices.ContainsFunc(t.Jobs, func(j Job) bool { return j.Pipeline != t.Jobs[0].Pipeline })
}

func (p Pipeline) order(other Pipeline) int {
	return cmp.Or(cmp.Compare(p.Repo, other.Repo), cmp.Compare(p.Name, other.Name))
}

// Trends returns the trends of the runs. The order in which they were added does not matter.
func (r *Runs) Trends() *Trends {
	t := &Trends{LeftOut: []LeftOut{}, Commands: []Command{}, Jobs: []Job{}, Failures: []Failure{}}
	var used []*run
	for _, of := range r.runs {
		if of.unfit != "" {
			t.LeftOut = append(t.LeftOut, LeftOut{RunID: of.id, Reason: of.unfit})
		} else {
			used = append(used, of)
		}
	}
	t.Runs = len(used)
	t.commands(used)
	t.jobs(used)
	t.failures(used)
	return t
}

// point is a duration in a run: the median, if there are several.
type point struct {
	of *run
	ms int64
}

// seriesOf returns the series of the commands or jobs that a run has executions of.
func seriesOf(used []*run, executions func(*run) []execution) map[name]*Series {
	all := map[name]*Series{}
	durations, points := map[name][]int64{}, map[name][]point{}
	for _, of := range used {
		took := map[name][]int64{}
		for _, e := range executions(of) {
			s := all[e.name()]
			if s == nil {
				s = &Series{}
				all[e.name()] = s
			}
			if last := len(s.Points) - 1; last < 0 || s.Points[last].RunID != of.id {
				s.Points = append(s.Points, Point{RunID: of.id, StartedAtMs: of.began})
			}
			s.Count++
			if e.failed {
				s.Failed++
				s.Points[len(s.Points)-1].Failed = true
			} else if e.ms.Valid {
				took[e.name()] = append(took[e.name()], e.ms.V)
			}
		}
		for n, ms := range took {
			s, middle := all[n], quantile(ms, 0.5)
			s.Points[len(s.Points)-1].Ms = projections.Some(middle)
			durations[n], points[n] = append(durations[n], ms...), append(points[n], point{of, middle})
		}
	}
	for n, s := range all {
		s.FailureRate, s.Changes = float64(s.Failed)/float64(s.Count), changes(points[n])
		if ms := durations[n]; len(ms) > 0 {
			s.MedianMs, s.P95Ms = projections.Some(quantile(ms, 0.5)), projections.Some(quantile(ms, 0.95))
		}
	}
	return all
}

func (t *Trends) commands(used []*run) {
	for n, s := range seriesOf(used, func(r *run) []execution { return r.executions }) {
		t.Commands = append(t.Commands, Command{n.Pipeline, n.job, n.cmd, *s})
	}
	slices.SortFunc(t.Commands, func(a, b Command) int {
		return cmp.Or(cmp.Compare(b.most(), a.most()), cmp.Compare(b.MedianMs.V, a.MedianMs.V), a.Pipeline.order(b.Pipeline), cmp.Compare(a.JobID, b.JobID), cmp.Compare(a.Cmd, b.Cmd))
	})
}

// most returns how large the largest change is.
func (s *Series) most() (ms int64) {
	for _, change := range s.Changes {
		ms = max(ms, change.DeltaMs, -change.DeltaMs)
	}
	return ms
}

// quantile returns the least value that the share of the values does not exceed. It sorts the values.
func quantile(values []int64, share float64) int64 {
	slices.Sort(values)
	return values[max(0, int(math.Ceil(share*float64(len(values))))-1)]
}

func (t *Trends) jobs(used []*run) {
	type ends struct{ failed, count int }
	all := map[name]map[string]*ends{} // by job and sha
	for _, of := range used {
		for _, end := range of.ends {
			job := end.name()
			if all[job] == nil {
				all[job] = map[string]*ends{}
			}
			if all[job][of.sha] == nil {
				all[job][of.sha] = &ends{}
			}
			all[job][of.sha].count++
			if end.failed {
				all[job][of.sha].failed++
			}
		}
	}
	for n, s := range seriesOf(used, func(r *run) []execution { return r.ends }) {
		job := Job{Pipeline: n.Pipeline, JobID: n.job, Series: *s, Stability: Stable, FlakyShas: []string{}}
		for sha, e := range all[n] {
			switch both := e.failed > 0 && e.failed < e.count; {
			case both && sha != "":
				job.FlakyShas = append(job.FlakyShas, sha)
			case both:
				job.Stability = Unclear
			}
		}
		if len(job.FlakyShas) > 0 {
			job.Stability = Flaky
			slices.Sort(job.FlakyShas)
		}
		t.Jobs = append(t.Jobs, job)
	}
	slices.SortFunc(t.Jobs, func(a, b Job) int { return cmp.Or(a.Pipeline.order(b.Pipeline), cmp.Compare(a.JobID, b.JobID)) })
}

func (t *Trends) failures(used []*run) {
	all := map[failure]*Failure{}
	for _, of := range used {
		for _, f := range of.failures {
			group := all[f]
			if group == nil {
				group = &Failure{Pipeline: f.Pipeline, JobID: f.job, Cmd: f.cmd, ExitCode: f.exit, LastLine: f.line, FirstRun: of.id}
				all[f] = group
			}
			group.Count++
			group.LastRun = of.id
		}
	}
	for _, group := range all {
		t.Failures = append(t.Failures, *group)
	}
	slices.SortFunc(t.Failures, func(a, b Failure) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), a.Pipeline.order(b.Pipeline), cmp.Compare(a.JobID, b.JobID), cmp.Compare(a.Cmd, b.Cmd), cmp.Compare(a.LastLine, b.LastLine),
			cmp.Compare(a.ExitCode.V, b.ExitCode.V))
	})
}
