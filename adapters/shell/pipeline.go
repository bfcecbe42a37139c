package shell

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Job is a job of a pipeline.
type Job struct {
	// ID names the job in the stream, and the folder of its logs. It has
	// 1 to 255 bytes of UTF-8 and must be a valid file name; see [BadID].
	ID string
	// Needs are the ids of the jobs that must be complete before this one starts.
	Needs []string
	// Run is the job's body. The job is complete when Run returns nil, and failed
	// when it returns an error or panics.
	//
	// The context ends when the run must stop; a body that waits for anything
	// other than commands must watch it. Do not use either argument after Run has
	// returned: a command that is still running then is stopped, and fails the job.
	Run func(ctx context.Context, sh *Shell) error

	// Dir is the folder of the job's commands, relative to the workspace.
	Dir string
	// Env are additional variables for the job's commands, as NAME=value. They replace
	// variables in [Options.Env] with the same name.
	Env []string
	// Shell runs the job's commands, in place of [Options.Shell].
	Shell []string
	// Timeout limits how long the job may take; 0 means no limit. When it expires, the
	// running command is stopped as at the end of the run, and the job fails with a
	// [*TimeoutError].
	Timeout time.Duration
}

// Pipeline is a set of jobs that fit together, in the order in which they run.
// You can run it any number of times, also concurrently.
type Pipeline struct {
	jobs []Job
}

// New makes a pipeline. If the jobs do not fit together, the error joins a [*JobError]
// for each problem.
func New(jobs ...Job) (*Pipeline, error) {
	g := &graph{jobs: jobs, index: make(map[string]int, len(jobs))}
	g.checkJobs()
	g.checkNeeds()
	g.sort()
	if err := errors.Join(g.problems...); err != nil {
		return nil, err
	}
	p := &Pipeline{}
	for _, i := range g.order {
		job := jobs[i]
		job.Needs = slices.Clone(job.Needs)
		p.jobs = append(p.jobs, job)
	}
	return p, nil
}

// Order returns the ids of the jobs in the order in which they run: each job after
// those that it needs and otherwise in the order of [New]'s arguments.
func (p *Pipeline) Order() []string {
	ids := make([]string, len(p.jobs))
	for i := range p.jobs {
		ids[i] = p.jobs[i].ID
	}
	return ids
}

// Problem is a kind of [JobError].
type Problem string

// The problems.
const (
	// BadID: the id cannot name a folder of logs. It is empty, longer than 255
	// bytes, not UTF-8, "." or "..", contains a slash, a backslash or a control
	// character, or begins or ends with white space.
	BadID Problem = "bad id"
	// DuplicateID: a job before this one has the same id.
	DuplicateID Problem = "duplicate id"
	// UnknownNeed: the job needs an id that no job has.
	UnknownNeed Problem = "unknown need"
	// Cycle: the job needs itself, directly or through others. Each cycle is
	// reported once, for the first of its jobs.
	Cycle Problem = "cycle"
	// NoBody: Run is nil.
	NoBody Problem = "no body"
)

// JobError reports a job that does not fit into the pipeline.
type JobError struct {
	// Index is the job's index in the arguments of [New].
	Index   int
	ID      string
	Problem Problem
	// Need is the index in Job.Needs of the unknown need, or of the first need
	// on the cycle. It is -1 for other problems.
	Need int
	// Cycle lists the ids on the cycle. The job's own id is the first and the last one.
	Cycle []string

	reason string
}

// Error quotes only what looks like an id. Anything else may be a misplaced command
// that contains a secret.
func (e *JobError) Error() string {
	return fmt.Sprintf("%s: %s", jobName(e.ID, e.Index), e.reason)
}

// plainID matches most ids.
var plainID = regexp.MustCompile(`^[\pL\pM\pN._-]{1,30}$`)

// jobName returns what errors call a job: its id if that looks like one, otherwise its number.
func jobName(id string, index int) string {
	if plainID.MatchString(id) {
		return fmt.Sprintf("job %q", id)
	}
	return fmt.Sprintf("job %d", index+1)
}

// report adds a problem of a job, and returns it for more details.
func (g *graph) report(i int, problem Problem, reason string) *JobError {
	e := &JobError{Index: i, ID: g.jobs[i].ID, Problem: problem, Need: -1, reason: reason}
	g.problems = append(g.problems, e)
	return e
}

// checkJobs checks each job by itself, and indexes the jobs by id.
func (g *graph) checkJobs() {
	for i, job := range g.jobs {
		if reason := checkID(job.ID); reason != "" {
			g.report(i, BadID, reason)
		}
		if first, twice := g.index[job.ID]; twice {
			g.report(i, DuplicateID, fmt.Sprintf("jobs %d and %d have the same id; rename one of them", first+1, i+1))
		} else {
			g.index[job.ID] = i
		}
		if job.Run == nil {
			g.report(i, NoBody, "it has no body; set Run")
		}
	}
}

func (g *graph) checkNeeds() {
	for i, job := range g.jobs {
		for n, need := range job.Needs {
			if _, ok := g.index[need]; !ok {
				reason := "one of its needs is not the id of a job; list ids under needs"
				if plainID.MatchString(need) {
					reason = fmt.Sprintf("it needs %q, but there is no such job", need)
				}
				g.report(i, UnknownNeed, reason).Need = n
			}
		}
	}
}

func (g *graph) reportCycle(on []int, need int) {
	var ids, names []string
	for _, i := range append(slices.Clone(on), on[0]) {
		ids = append(ids, g.jobs[i].ID)
		names = append(names, jobName(g.jobs[i].ID, i))
	}
	e := g.report(on[0], Cycle, "it depends on itself; remove one of these needs: "+strings.Join(names, " needs "))
	e.Need, e.Cycle = need, ids
}

// maxID is the maximum length of a file name on common file systems.
const maxID = 255

// checkID returns why an id is not valid, or "".
func checkID(id string) string {
	switch {
	case id == "":
		return "its id is empty; name the job"
	case len(id) > maxID:
		return fmt.Sprintf("its id has %d bytes, but a folder's name has at most %d; shorten it", len(id), maxID)
	case !utf8.ValidString(id):
		return "its id is not UTF-8; choose another"
	case id == "." || id == "..":
		return "its id would lead out of the folder of logs; choose another"
	case strings.ContainsAny(id, `/\`):
		return "its id contains a slash or a backslash, but it must be a folder's name; choose another"
	case strings.ContainsFunc(id, unicode.IsControl):
		return "its id contains a control character; remove it"
	case strings.TrimSpace(id) != id:
		return "its id begins or ends with white space; remove it"
	}
	return ""
}
