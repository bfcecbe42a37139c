package live

import (
	"strings"
	"sync"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// boardRun is what a board knows of one run.
type boardRun struct {
	id domain.RunID

	mu      sync.Mutex
	fold    *projections.Fold
	row     projections.Run
	stale   bool // entries have come since row was asked for
	trouble string
	waits   string // for what
	// failures are the latest command that failed in each of the jobs in which
	// one did last, oldest first.
	failures []failure
}

// failure is a command that failed.
type failure struct {
	job      int
	cmd      string
	exitCode int32
}

// A board keeps so many failures, and so much of their commands: more than a
// screen shows.
const (
	maxFailures   = 100
	maxFailureCmd = 1000
)

func newBoardRun(id domain.RunID) *boardRun {
	r := &boardRun{id: id}
	r.begin()
	return r
}

// begin is for a stream of which nothing has been read.
func (r *boardRun) begin() {
	r.failures, r.trouble, r.waits, r.stale = nil, "", "", true
	r.fold = projections.NewFold(r.id,
		projections.Into(projections.Runs(), func(row *projections.Row[projections.Run]) { r.row = row.Value }),
		projections.Into(&happenings{}, r.happens))
}

func (r *boardRun) take(entries []domain.Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(entries) == 0 {
		return
	}
	r.trouble, r.waits, r.stale = "", "", true
	for i := range entries {
		r.fold.Apply(&entries[i])
	}
}

func (r *boardRun) restart() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begin()
}

func (r *boardRun) inTrouble(message string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trouble, r.waits = message, ""
}

func (r *boardRun) isWaiting(message string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waits = message
}

// happens keeps what failed.
func (r *boardRun) happens(row *projections.Row[happening]) {
	h := &row.Value
	if h.What != shFailed {
		return
	}
	f := failure{job: h.Job, cmd: strings.Clone(h.Cmd[:min(len(h.Cmd), maxFailureCmd)]), exitCode: h.ExitCode}
	for i := range r.failures {
		if r.failures[i].job == f.job {
			r.failures = append(r.failures[:i], r.failures[i+1:]...)
			break
		}
	}
	if r.failures = append(r.failures, f); len(r.failures) > maxFailures {
		r.failures = append(r.failures[:0], r.failures[1:]...)
	}
}

// current returns the run's row. The caller holds the lock.
func (r *boardRun) current() *projections.Run {
	if r.stale {
		r.fold.Open()
		r.stale = false
	}
	return &r.row
}
