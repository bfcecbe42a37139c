package live

import (
	"slices"
	"strings"
	"sync"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// Board holds the state of the runs that are shown. It is safe for concurrent use.
type Board struct {
	mu      sync.Mutex
	runs    map[domain.RunID]*boardRun
	changes int64
}

// NewBoard returns a board without runs.
func NewBoard() *Board { return &Board{runs: map[domain.RunID]*boardRun{}} }

// Take folds entries of a run, which may be a new one. The entries of one run must come in order.
func (b *Board) Take(run domain.RunID, entries []domain.Entry) {
	b.change(run, func(r *boardRun) {
		if len(entries) > 0 {
			r.trouble, r.waits, r.stale = "", "", true
		}
		for i := range entries {
			r.fold.Apply(&entries[i])
		}
		r.fold.Detach()
	})
}

// Restart forgets everything about a run except that it exists.
func (b *Board) Restart(run domain.RunID) { b.change(run, (*boardRun).begin) }

// Trouble records why reading a run has stopped.
func (b *Board) Trouble(run domain.RunID, message string) {
	b.change(run, func(r *boardRun) { r.trouble, r.waits = message, "" })
}

// Waiting records what a run waits for; "" means that it no longer waits.
func (b *Board) Waiting(run domain.RunID, message string) {
	b.change(run, func(r *boardRun) { r.waits = message })
}

func (b *Board) change(id domain.RunID, do func(*boardRun)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.runs[id]
	if r == nil {
		r = &boardRun{id: id}
		r.begin()
		b.runs[id] = r
	}
	do(r)
	b.changes++
}

// version returns a number that changes with the contents of the board.
func (b *Board) version() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.changes
}

// boardRun is the state of one run on a board.
type boardRun struct {
	id      domain.RunID
	fold    *projections.Fold
	row     projections.Run
	failed  int  // commands, see [display.FailedCommands]
	stale   bool // entries have arrived since row was computed
	trouble string
	waits   string // what the run waits for
	// exits holds, for each job in which a command ended with a code other than 0, the latest such
	// command. The oldest comes first.
	exits []exit
}

// exit is a command that ended with a code other than 0.
type exit struct {
	job      int
	cmd      string
	exitCode int32
}

// Limits on the exits that a board keeps, and on the text of their commands. They exceed what a
// screen shows.
const (
	maxExits   = 100
	maxExitCmd = 1000
)

// begin resets the run to a stream that has not been read yet.
func (r *boardRun) begin() {
	r.exits, r.trouble, r.waits, r.stale = nil, "", "", true
	r.fold = projections.NewFold(r.id,
		projections.Runs.Into(func(row *projections.Row[projections.Run]) { r.row = row.Value }),
		projections.Into("failed_commands", display.FailedCommands(), func(row *projections.Row[int]) { r.failed = row.Value }),
		milestones.Into(r.reach))
}

// reach records commands that ended with a code other than 0.
func (r *boardRun) reach(row *projections.Row[milestone]) {
	m := &row.Value
	if m.What != shExited {
		return
	}
	r.exits = slices.DeleteFunc(r.exits, func(other exit) bool { return other.job == m.Job })
	r.exits = append(r.exits, exit{job: m.Job, cmd: strings.Clone(m.Cmd[:min(len(m.Cmd), maxExitCmd)]), exitCode: m.ExitCode})
	if len(r.exits) > maxExits {
		r.exits = slices.Delete(r.exits, 0, 1)
	}
}

// exitOf returns the latest command of a job that ended with a code other than 0, or nil.
func (r *boardRun) exitOf(job *projections.TrackedJob) *exit {
	if i := slices.IndexFunc(r.exits, func(e exit) bool { return e.job == job.Index }); i >= 0 {
		return &r.exits[i]
	}
	return nil
}

// current returns the run's row.
func (r *boardRun) current() *projections.Run {
	if r.stale {
		r.fold.Open()
		r.stale = false
	}
	return &r.row
}

// over reports whether no more entries of the run are expected.
func (r *boardRun) over() bool { return r.current().Ended || r.trouble != "" }

// status returns the status of the run's row, with two exceptions: an unfinished run with open jobs is
// active, whatever has failed, and a run in trouble has failed.
func (r *boardRun) status() status {
	row, run := r.current(), r.fold.Run()
	switch {
	case r.trouble != "":
		return failed
	case !row.Ended && (run.OpenJobs > 0 || run.OpenSh > 0), row.State == projections.Active:
		return active
	case row.State == projections.Failed:
		return failed
	case !row.Ended:
		return soFar
	}
	return complete
}
