package shell

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Problem says what is wrong with a job.
type Problem string

// The problems.
const (
	// BadID: the id cannot name a folder of logs. It is empty, longer than 255
	// bytes, not UTF-8, "." or "..", has a slash, a backslash or a control
	// character in it, or white space at an end, where nobody sees it.
	BadID Problem = "bad id"
	// DuplicateID: a job before it has the same id.
	DuplicateID Problem = "duplicate id"
	// UnknownNeed: there is no job with the id that it needs.
	UnknownNeed Problem = "unknown need"
	// Cycle: it needs itself, at once or by way of others. Each cycle is
	// reported once, for the first of its jobs.
	Cycle Problem = "cycle"
	// NoBody: Run is nil.
	NoBody Problem = "no body"
)

// JobError says that a job does not fit into the pipeline.
type JobError struct {
	// Index is the job's place among those that were given to [New], from 0.
	Index int
	// ID is the job's, as it was given.
	ID      string
	Problem Problem
	// Need is the index in Job.Needs of the need that is at fault: the unknown
	// one, or the first one on the cycle. It is -1 for other problems.
	Need int
	// Cycle lists the ids on the cycle, the job's own one first and last.
	Cycle []string

	reason string
}

// Error quotes ids only if they look like ids. Anything else may be a command that has
// lost its place, with a secret in it.
func (e *JobError) Error() string {
	return fmt.Sprintf("%s: %s", called(e.ID, e.Index), e.reason)
}

// plainID is what most ids look like.
var plainID = regexp.MustCompile(`^[\pL\pM\pN._-]{1,30}$`)

// called is what a job is called in errors: its id or, if that does not look like one, its
// number.
func called(id string, index int) string {
	if plainID.MatchString(id) {
		return fmt.Sprintf("job %q", id)
	}
	return fmt.Sprintf("job %d", index+1)
}

// problems are those that were found so far.
type problems []error

func (p *problems) add(e *JobError) { *p = append(*p, e) }

func (p *problems) join() error { return errors.Join(*p...) }

// ids checks each job by itself, and returns where the job of an id stands.
func (p *problems) ids(jobs []Job) map[string]int {
	index := make(map[string]int, len(jobs))
	for i, job := range jobs {
		if reason := checkID(job.ID); reason != "" {
			p.add(&JobError{Index: i, ID: job.ID, Problem: BadID, Need: -1, reason: reason})
		}
		if first, twice := index[job.ID]; twice {
			p.add(&JobError{Index: i, ID: job.ID, Problem: DuplicateID, Need: -1,
				reason: fmt.Sprintf("jobs %d and %d have this id; give each one its own", first+1, i+1)})
		} else {
			index[job.ID] = i
		}
		if job.Run == nil {
			p.add(&JobError{Index: i, ID: job.ID, Problem: NoBody, Need: -1, reason: "it has no body; set Run"})
		}
	}
	return index
}

// needs checks that what jobs need is there.
func (p *problems) needs(jobs []Job, index map[string]int) {
	for i, job := range jobs {
		for n, need := range job.Needs {
			if _, ok := index[need]; !ok {
				reason := "it needs what is not the id of a job; list ids under needs"
				if plainID.MatchString(need) {
					reason = fmt.Sprintf("it needs %q, and there is no such job", need)
				}
				p.add(&JobError{Index: i, ID: job.ID, Problem: UnknownNeed, Need: n, reason: reason})
			}
		}
	}
}

func (p *problems) cycle(jobs []Job, on []int, need int) {
	var ids, names []string
	for _, i := range append(slices.Clone(on), on[0]) {
		ids = append(ids, jobs[i].ID)
		names = append(names, called(jobs[i].ID, i))
	}
	reason := "it needs itself; take one of the needs away: " + strings.Join(names, " needs ")
	p.add(&JobError{Index: on[0], ID: ids[0], Problem: Cycle, Need: need, Cycle: ids, reason: reason})
}

// maxID is how long the name of a file can be.
const maxID = 255

// checkID says why id cannot be that of a job; nothing, if it can.
func checkID(id string) string {
	switch {
	case id == "":
		return "its id is empty; name it"
	case len(id) > maxID:
		return fmt.Sprintf("its id has %d bytes, and a folder's name at most %d; shorten it", len(id), maxID)
	case !utf8.ValidString(id):
		return "its id is not UTF-8"
	case id == "." || id == "..":
		return "its id would lead out of the folder of logs; choose another"
	case strings.ContainsAny(id, `/\`):
		return "its id has a slash or a backslash in it, and is to be a folder's name; choose another"
	case strings.ContainsFunc(id, unicode.IsControl):
		return "its id has a control character in it; take it out"
	case strings.TrimSpace(id) != id:
		return "its id begins or ends with white space; take it away"
	}
	return ""
}
