package live

import (
	"slices"
	"sync"

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

// Show applies rows of a run, which may be a new one.
func (b *Board) Show(id domain.RunID, whole bool, rows eachRow) {
	b.change(id, func(r *boardRun) {
		if r.trouble, r.waits = "", ""; whole {
			r.run, r.exits = run{}, nil
		}
		for _, m := range r.update(rows) {
			r.reach(&m)
		}
	})
}

// Restart forgets everything about a run except that it exists.
func (b *Board) Restart(run domain.RunID) {
	b.change(run, func(r *boardRun) { *r = boardRun{id: run} })
}

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
	run
	id      domain.RunID
	trouble string
	waits   string // what the run waits for
	// exits holds, for each job in which a command ended with a code other than 0, the latest such
	// command. The oldest comes first.
	exits []milestone
}

// maxExits limits the exits that a board keeps. It exceeds what a screen shows.
const maxExits = 100

// reach records a command that ended with a code other than 0.
func (r *boardRun) reach(m *milestone) {
	if m.what != shExited {
		return
	}
	r.exits = slices.DeleteFunc(r.exits, func(other milestone) bool { return other.job == m.job })
	r.exits = append(r.exits, *m)
	if len(r.exits) > maxExits {
		r.exits = slices.Delete(r.exits, 0, 1)
	}
}

// exitOf returns the latest command of a job that ended with a code other than 0, or nil.
func (r *boardRun) exitOf(j *job) *milestone {
	if i := slices.IndexFunc(r.exits, func(m milestone) bool { return m.job == j.index }); i >= 0 {
		return &r.exits[i]
	}
	return nil
}

// over reports whether no more entries of the run are expected.
func (r *boardRun) over() bool { return r.row.Ended || r.trouble != "" }

// status returns the status of the run's row, with two exceptions: an unfinished run with open jobs is
// active, whatever has failed, and a run in trouble has failed.
func (r *boardRun) status() status {
	switch row := &r.row; {
	case r.trouble != "":
		return failed
	case !row.Ended && r.hasOpen(), row.State == projections.Active, row.State == "":
		return active
	case row.State == projections.Failed:
		return failed
	case !row.Ended:
		return soFar
	}
	return complete
}

// hasOpen reports whether a job or a command of the run is open.
func (r *boardRun) hasOpen() bool {
	return r.row.OpenSh > 0 || slices.ContainsFunc(r.jobs, func(j job) bool { return j.StartedAtMs.Valid && j.State == projections.Active })
}
