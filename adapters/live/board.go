package live

import (
	"sync"
	"sync/atomic"

	"github.com/quire-ci/quire-project/domain"
)

// Board is what is known of the runs that are shown. It is safe for concurrent
// use; entries of different runs are folded side by side.
type Board struct {
	mu      sync.Mutex
	runs    map[domain.RunID]*boardRun
	changes atomic.Int64
}

// NewBoard returns a board without runs.
func NewBoard() *Board { return &Board{runs: map[domain.RunID]*boardRun{}} }

// Take folds entries of a run, which may be a new one. The entries of one run
// are to come in order.
func (b *Board) Take(run domain.RunID, entries []domain.Entry) {
	b.run(run).take(entries)
	b.changes.Add(1)
}

// Restart forgets all of a run but that it is there.
func (b *Board) Restart(run domain.RunID) {
	b.run(run).restart()
	b.changes.Add(1)
}

// Trouble notes why a run is not read on.
func (b *Board) Trouble(run domain.RunID, message string) {
	b.run(run).inTrouble(message)
	b.changes.Add(1)
}

// Waiting notes what a run waits for, or that it waits no more.
func (b *Board) Waiting(run domain.RunID, message string) {
	b.run(run).isWaiting(message)
	b.changes.Add(1)
}

// version is another one whenever something has changed.
func (b *Board) version() int64 { return b.changes.Load() }

func (b *Board) run(id domain.RunID) *boardRun {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.runs[id]
	if r == nil {
		r = newBoardRun(id)
		b.runs[id] = r
	}
	return r
}

// all returns the runs, in any order.
func (b *Board) all() []*boardRun {
	b.mu.Lock()
	defer b.mu.Unlock()
	runs := make([]*boardRun, 0, len(b.runs))
	for _, r := range b.runs {
		runs = append(runs, r)
	}
	return runs
}
