package store

import (
	"slices"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// load finds out how the runs stand that are asked for. Requests of a run of
// which that cannot be found out are answered, and removed.
func (p *Projector) load(byRun map[domain.RunID][]*request) {
	var unknown, waiting []domain.RunID
	for run, requests := range byRun {
		l := p.runs[run]
		if l == nil || slices.ContainsFunc(requests, func(r *request) bool { return r.kind != applySegment }) {
			// Or somebody else may have written the run.
			unknown, waiting = append(unknown, run), append(waiting, run)
		} else if l.waiting.Segments > 0 || l.waiting.Quarantine != nil {
			waiting = append(waiting, run) // which may be over
		}
	}
	fail := func(err error, runs ...domain.RunID) {
		for _, run := range runs {
			p.answer(byRun[run], p.inTime(err))
			delete(byRun, run)
			delete(p.runs, run)
		}
	}
	if err := p.look(unknown); err != nil {
		fail(err, waiting...)
		return
	}
	for _, run := range unknown {
		if err := p.runs[run].load(p); err != nil {
			fail(err, run)
		}
	}
	if err := p.lookWaiting(waiting); err != nil {
		fail(err, waiting...)
	}
}

// look finds out which of runs are stored at all.
func (p *Projector) look(runs []domain.RunID) error {
	if len(runs) == 0 {
		return nil
	}
	stored, err := p.store.Checkpoints(p.now, runs)
	if err != nil {
		return err
	}
	for _, run := range runs {
		l := newLiveRun(run, p.store.Projections().Stored(), p.decoder.Reading())
		_, l.stored = stored[run]
		p.runs[run] = l
	}
	return nil
}

// load reads what is needed to go on with a run that is stored.
func (l *liveRun) load(p *Projector) error {
	if !l.stored {
		return nil
	}
	return p.store.View(p.now, l.id, func(rows Snapshot) (err error) {
		l.known, l.stored, err = rows.Checkpoint()
		if err != nil || !l.stored {
			return err
		}
		missing, err := projections.Missing(l.collector.of, projections.Versions(l.known.Projections))
		if err != nil {
			return err
		}
		return l.restore(rows, len(missing) > 0)
	})
}

// lookWaiting finds out what is parked of runs, and whether they are quarantined.
// A quarantine is of the rows that were there when it was set. Where others are
// now, because the run was derived from its whole stream, it is void.
func (p *Projector) lookWaiting(runs []domain.RunID) error {
	if len(runs) == 0 {
		return nil
	}
	waiting, err := p.store.Waiting(p.now, runs...)
	if err != nil {
		return err
	}
	for _, run := range runs {
		if l := p.runs[run]; l != nil {
			l.waiting, l.void = Waiting{}, false
		}
	}
	for _, w := range waiting {
		l := p.runs[w.Run]
		if l == nil {
			continue
		}
		if w.Quarantine.void(l.position) {
			w.Quarantine, l.void = nil, true
		}
		l.waiting = w
	}
	return nil
}
