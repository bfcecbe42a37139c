package store

import (
	"context"
	"errors"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// work is one run on its way from its stream into the store.
type task struct {
	source Source
	result Result

	// known is the checkpoint that the work stands on, if stored.
	known  Checkpoint
	stored bool
	// continues says that what has not changed stays; else tables are cleared.
	continues bool
	tables    []*projections.Definition
	// next is the checkpoint to set; it is known with the last rows.
	next Checkpoint

	// rows are the first ones, more their successors, nil if there are none.
	// When more is closed, err and next are known.
	rows  *Rows
	bytes int // of text in rows
	more  chan *Rows
	stop  context.CancelFunc // of whoever fills more
	err   error
}

// writes reports whether there is anything to be written.
func (w *task) writes() bool { return w.rows != nil }

// skip says why the stream cannot be read.
func (w *task) skip(err error) *task {
	w.result.Outcome, w.result.Err, w.rows = Skipped, err, nil
	return w
}

// abandon lets whoever folds the run know that nobody takes its rows any more.
func (w *task) abandon() {
	w.stop()
	if w.more == nil {
		return
	}
	for rows := range w.more {
		recycle(rows)
	}
}

// stands reports whether the store still is as the work found it. A
// stream that can be read only once replaces whatever is there.
func (w *task) stands(locked map[domain.RunID]Checkpoint) bool {
	now, stored := locked[w.source.Run()]
	return stored == w.stored && now == w.known || w.source.Once()
}

var errRewritten = errors.New("the stream does not begin with what was read of it")
