package store

import "github.com/quire-ci/quire-project/domain"

// commit writes changes, and returns the runs that somebody else has written.
func (p *Projector) commit(changes []*change) (fallen map[domain.RunID]bool, err error) {
	var runs, dropped []domain.RunID
	for _, c := range changes {
		switch {
		case c.writes():
			runs = append(runs, c.run.id)
		case c.dropped > 0:
			dropped = append(dropped, c.run.id)
		}
	}
	fallen = map[domain.RunID]bool{}
	if len(dropped) > 0 {
		if err := p.confirm(changes, dropped, fallen); err != nil {
			return nil, err
		}
	}
	if len(runs) == 0 {
		return fallen, nil
	}
	w := writer{store: p.store, options: &Options{}}
	err = p.store.Update(p.ctx, func(tx Tx) error {
		locked, err := w.lock(tx, runs)
		if err != nil {
			return err
		}
		var standing []*change
		for _, c := range changes {
			switch {
			case !c.writes():
			case c.run.stands(locked):
				standing = append(standing, c)
			default:
				fallen[c.run.id] = true
			}
		}
		return writeChanges(tx, standing)
	})
	return fallen, err
}

// confirm adds the runs to fallen whose rows are not any more what was known
// when segments of them were dropped: those may be needed again, for somebody
// may have removed the run, or derived it from less of its stream.
func (p *Projector) confirm(changes []*change, dropped []domain.RunID, fallen map[domain.RunID]bool) error {
	now, err := p.store.Checkpoints(p.ctx, dropped)
	if err != nil {
		return err
	}
	for _, c := range changes {
		if c.dropped > 0 && !c.writes() && !c.run.stands(now) {
			fallen[c.run.id] = true
		}
	}
	return nil
}

// stands reports whether the run still is in the store as it is known.
func (l *liveRun) stands(now map[domain.RunID]Checkpoint) bool {
	checkpoint, stored := now[l.id]
	return stored == l.stored && checkpoint == l.known
}

func (c *change) writes() bool {
	return c.rows != nil || len(c.hold) > 0 || c.unhold > 0 || c.quarantine != nil || c.lift
}

func writeChanges(tx Tx, changes []*change) error {
	var clear, reopen []domain.RunID
	for _, c := range changes {
		switch {
		case c.rows == nil:
		case c.run.stored:
			reopen = append(reopen, c.run.id)
		default:
			clear = append(clear, c.run.id)
		}
	}
	if len(clear) > 0 {
		if err := tx.Clear(clear, AllTables); err != nil {
			return err
		}
	}
	if len(reopen) > 0 {
		if err := tx.Reopen(reopen); err != nil {
			return err
		}
	}
	for _, c := range changes {
		if err := c.writeTo(tx); err != nil {
			return err
		}
	}
	return nil
}

func (c *change) writeTo(tx Tx) error {
	run := c.run.id
	if c.rows != nil {
		if err := tx.Insert(c.rows); err != nil {
			return err
		}
		if err := tx.SetCheckpoint(run, c.next); err != nil {
			return err
		}
	}
	if c.unhold > 0 {
		if err := tx.Unhold(run, c.unhold); err != nil {
			return err
		}
	}
	if len(c.hold) > 0 {
		if err := tx.Hold(c.hold); err != nil {
			return err
		}
	}
	if c.quarantine != nil || c.lift {
		return tx.SetQuarantine(run, c.quarantine)
	}
	return nil
}
