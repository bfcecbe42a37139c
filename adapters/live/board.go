package live

import (
	"slices"
	"strings"
	"sync"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// Board is what is known of the runs that are shown. It is safe for concurrent use.
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

// Restart forgets all of a run but that it exists.
func (b *Board) Restart(run domain.RunID) { b.change(run, (*boardRun).begin) }

// Trouble notes why a run is not read on.
func (b *Board) Trouble(run domain.RunID, message string) {
	b.change(run, func(r *boardRun) { r.trouble, r.waits = message, "" })
}

// Waiting notes what a run waits for, or with "" that it waits no more.
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

// version is another one whenever something has changed.
func (b *Board) version() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.changes
}

// boardRun is what a board knows of one run.
type boardRun struct {
	id      domain.RunID
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

// begin is for a stream of which nothing has been read.
func (r *boardRun) begin() {
	r.exits, r.trouble, r.waits, r.stale = nil, "", "", true
	r.fold = projections.NewFold(r.id,
		projections.Runs.Into(func(row *projections.Row[projections.Run]) { r.row = row.Value }),
		projections.Into("failed_commands", display.FailedCommands(), func(row *projections.Row[int]) { r.failed = row.Value }),
		milestones.Into(r.reach))
}

// reach keeps commands that ended with a code other than 0.
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

// exitOf returns the command of a job that ended last with a code other than 0, if there is one.
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

// over reports whether nothing more is expected of the run.
func (r *boardRun) over() bool { return r.current().Ended || r.trouble != "" }

// status of a run is that of its row, but as long as something is open in a run
// that has not ended, it goes on, whatever has failed. One in trouble has failed.
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
