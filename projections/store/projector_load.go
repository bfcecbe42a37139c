package store

import (
	"context"
	"slices"

	"github.com/quire-ci/quire-project/domain"
)

// load reads the state of the runs that requests are for, unless it is in memory. If that
// fails for a run, load answers its requests and removes them.
func (p *Projector) load(ctx context.Context, byRun map[domain.RunID][]*request) {
	var unknown, waiting []domain.RunID
	for run, requests := range byRun {
		l := p.runs[run]
		switch {
		case l == nil, slices.ContainsFunc(requests, (*request).isForced): // another program may have written it
			unknown, waiting = append(unknown, run), append(waiting, run)
		case l.waiting.Segments > 0, l.waiting.Quarantine != nil: // which may be over
			waiting = append(waiting, run)
		}
	}
	fail := func(err error, runs ...domain.RunID) {
		for _, run := range runs {
			p.answer(byRun[run], p.inTime(err))
			delete(byRun, run)
			delete(p.runs, run)
		}
	}
	if err := p.loadStored(ctx, unknown); err != nil {
		fail(err, waiting...)
		return
	}
	for _, run := range unknown {
		if err := p.runs[run].load(ctx, p.store); err != nil {
			fail(err, run)
		}
	}
	if err := p.loadWaiting(ctx, waiting); err != nil {
		fail(err, waiting...)
	}
}

// isForced reports whether the request needs the run as it is in the store. For the others,
// commit finds out whether another program has written the run.
func (r *request) isForced() bool { return r.kind != applySegment && r.kind != continueRun }

// loadStored finds out which of runs are stored at all.
func (p *Projector) loadStored(ctx context.Context, runs []domain.RunID) error {
	if len(runs) == 0 {
		return nil
	}
	stored, err := p.store.Checkpoints(ctx, runs)
	if err != nil {
		return err
	}
	for _, run := range runs {
		l := newLiveRun(run, p.store.Projections().Stored(), p.decoder.ReadOptions())
		_, l.stored = stored[run]
		p.runs[run] = l
	}
	return nil
}

// load reads what is needed to continue a run that is stored.
func (l *liveRun) load(ctx context.Context, s Store) error {
	if !l.stored {
		return nil
	}
	return s.View(ctx, l.id, func(rows Snapshot) (err error) {
		if l.known, l.stored, err = rows.Checkpoint(); err != nil || !l.stored {
			return err
		}
		return l.restore(rows)
	})
}

// loadWaiting finds out which segments of runs are parked, and which runs are quarantined.
// A quarantine is void if the rows are no longer those that it was set for, because the run
// was derived from its whole stream.
func (p *Projector) loadWaiting(ctx context.Context, runs []domain.RunID) error {
	if len(runs) == 0 {
		return nil
	}
	waiting, err := p.store.Waiting(ctx, runs...)
	if err != nil {
		return err
	}
	for _, run := range runs {
		if l := p.runs[run]; l != nil {
			l.waiting, l.void = Waiting{}, false
		}
	}
	for _, w := range waiting {
		if l := p.runs[w.Run]; l != nil {
			if l.void = w.Quarantine.void(l.mark.Bytes); l.void {
				w.Quarantine = nil
			}
			l.waiting = w
		}
	}
	return nil
}
