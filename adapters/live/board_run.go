package live

import (
	"slices"
	"strings"
	"sync"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// boardRun is what a board knows of one run.
type boardRun struct {
	id domain.RunID

	mu      sync.Mutex
	fold    *projections.Fold
	row     projections.Run
	failed  int  // commands, see [display.FailedCommands]
	stale   bool // entries have come since row was asked for
	trouble string
	waits   string // for what
	// exits are the latest command that ended with a code other than 0 in each of the jobs
	// in which one did last, oldest first.
	exits []exit
}

// exit is a command that ended with a code other than 0.
type exit struct {
	job      int
	cmd      string
	exitCode int32
}

// A board keeps so many exits, and so much of their commands: more than a screen shows.
const (
	maxExits   = 100
	maxExitCmd = 1000
)

func newBoardRun(id domain.RunID) *boardRun {
	r := &boardRun{id: id}
	r.begin()
	return r
}

// begin is for a stream of which nothing has been read.
func (r *boardRun) begin() {
	r.exits, r.trouble, r.waits, r.stale = nil, "", "", true
	r.fold = projections.NewFold(r.id,
		projections.Runs.Into(func(row *projections.Row[projections.Run]) { r.row = row.Value }),
		projections.Into("failed_commands", display.FailedCommands(), func(row *projections.Row[int]) { r.failed = row.Value }),
		told.Into(r.happens))
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

// happens keeps commands that ended with a code other than 0.
func (r *boardRun) happens(row *projections.Row[happening]) {
	h := &row.Value
	if h.What != shExited {
		return
	}
	e := exit{job: h.Job, cmd: strings.Clone(h.Cmd[:min(len(h.Cmd), maxExitCmd)]), exitCode: h.ExitCode}
	r.exits = slices.DeleteFunc(r.exits, func(other exit) bool { return other.job == e.job })
	if r.exits = append(r.exits, e); len(r.exits) > maxExits {
		r.exits = slices.Delete(r.exits, 0, 1)
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
