package follow

import (
	"context"
	"errors"
	"sync"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// viewed are the projections whose rows a [View] is shown.
var viewed = []*projections.Definition{
	projections.Runs.Definition, projections.RunTimings.Definition, projections.Jobs.Definition, projections.ShEvents.Definition,
}

// viewer shows a view the rows of a store: those that the projector writes and, if others may have
// changed, all rows of a run.
type viewer struct {
	view  View // may be nil
	store store.Store

	mu   sync.Mutex
	runs map[domain.RunID]shown
}

// shown describes the rows of a run that the view was shown.
type shown struct {
	at      domain.Mark // the end of the stream that they are derived from
	current bool        // the store has no others, as far as this process knows
}

func newViewer(view View, s store.Store) *viewer {
	return &viewer{view: view, store: s, runs: map[domain.RunID]shown{}}
}

// written shows what the projector has changed, if the view has the rows before.
func (v *viewer) written(runs []store.WrittenRun) {
	for i := range runs {
		if w := &runs[i]; v.follows(w) {
			v.view.Show(w.RunID, false, func(take func(*projections.Definition, projections.AnyRow)) { w.EachRow(viewed, take) })
		}
	}
}

// follows reports whether the changes of a run follow the rows that the view has.
func (v *viewer) follows(w *store.WrittenRun) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	s, ok := v.runs[w.RunID]
	if s.current = s.current && w.Changed != nil && s.at == w.Before; s.current {
		s.at = w.After
	}
	if ok {
		v.runs[w.RunID] = s
	}
	return s.current
}

// outdate makes the next show read all rows of a run, and reports whether the view was shown some
// before.
func (v *viewer) outdate(run domain.RunID) (wasShown bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, wasShown = v.runs[run]; wasShown {
		v.runs[run] = shown{}
	}
	return wasShown
}

// expect outdates a run if the view lacks rows of events before offset end, because another program has
// written them.
func (v *viewer) expect(run domain.RunID, end int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if s, ok := v.runs[run]; ok && s.at.Bytes < end {
		v.runs[run] = shown{}
	}
}

// show shows all rows of a run, unless the view has them.
func (v *viewer) show(ctx context.Context, run domain.RunID) error {
	v.mu.Lock()
	s := v.runs[run]
	v.mu.Unlock()
	if v.view == nil || s.current {
		return nil
	}
	return v.store.View(ctx, run, func(rows store.Snapshot) error {
		at, stored, err := rows.Checkpoint()
		if stored && err == nil {
			v.view.Show(run, true, func(take func(*projections.Definition, projections.AnyRow)) {
				err = store.EachRow(rows, run, viewed, take)
			})
		}
		if err != nil && !errors.Is(err, store.ErrNoRun) {
			return err
		}
		v.mu.Lock()
		defer v.mu.Unlock()
		v.runs[run] = shown{at.End, true}
		return nil
	})
}
