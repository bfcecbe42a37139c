package live

import (
	"sync"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// feed shows runs to a view, like follow does.
type feed struct {
	view shower
	lock sync.Mutex
	live map[domain.RunID]*projections.LiveRows
}

type shower interface {
	Show(domain.RunID, bool, eachRow)
	Restart(domain.RunID)
}

func newRows(run domain.RunID) *projections.LiveRows {
	return projections.NewLiveRows(run, projections.Runs.Definition, projections.RunTimings.Definition, projections.Jobs.Definition, projections.ShEvents.Definition)
}

// Take shows the effect of some entries on a run.
func (f *feed) Take(run domain.RunID, entries []domain.Entry) {
	f.lock.Lock()
	rows := f.live[run]
	if rows == nil {
		rows = newRows(run)
		f.live[run] = rows
	}
	f.lock.Unlock()
	rows.Apply(entries)
	f.view.Show(run, false, rows.Each)
}

// again shows all rows of a run that has had some entries, as they are in a store.
func (f *feed) again(run domain.RunID, entries []domain.Entry) {
	rows := newRows(run)
	rows.Apply(entries)
	f.view.Show(run, true, rows.Each)
}

// begin begins a run again.
func (f *feed) begin(run domain.RunID) {
	f.lock.Lock()
	defer f.lock.Unlock()
	delete(f.live, run)
	f.view.Restart(run)
}

// The views of this package with their feeds.
type (
	fedBoard struct {
		*Board
		*feed
	}
	fedLines struct {
		*Lines
		*feed
	}
	fedTerminal struct {
		*Terminal
		*feed
	}
)

func newFedBoard() fedBoard {
	board := NewBoard()
	return fedBoard{board, feedOf(board)}
}

func newFedLines(out *Queue) fedLines {
	lines := NewLines(out)
	return fedLines{lines, feedOf(lines)}
}

func fedBy(view *Terminal) fedTerminal { return fedTerminal{view, feedOf(view)} }

func feedOf(view shower) *feed {
	return &feed{view: view, live: map[domain.RunID]*projections.LiveRows{}}
}
