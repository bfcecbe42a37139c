package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// commit writes changes, in one transaction. What the store refuses because of one
// run is no reason not to write the others: then each has a transaction of its own.
func (p *Projector) commit(changes []*change) {
	began := time.Now()
	err := p.commitTogether(p.now, changes)
	p.pace(changes, err, time.Since(began))
	if err != nil && len(changes) > 1 && p.ctx.Err() == nil && !IsAway(err) {
		p.commitEach(changes)
		return
	}
	for _, c := range changes {
		c.err = p.inTime(err)
		if len(changes) == 1 {
			c.err = asRefused(p.now, p.store, c.run.id, c.err)
		}
	}
}

// pace halves what is done in one transaction when one has taken too long, and doubles
// it again while there is time for that. One segment that is too much is halved.
func (p *Projector) pace(changes []*change, err error, took time.Duration) {
	segments, bytes := 0, 0
	for _, c := range changes {
		segments += max(c.segments, len(c.park))
		bytes += int(c.bytes)
	}
	switch {
	case isLate(err) && segments == 1 && bytes > 0:
		p.atMost = max(1, min(p.atMost, bytes)/2)
	case isLate(err):
		p.atOnce = max(1, min(p.atOnce, segments)/2)
	case err == nil && segments >= p.atOnce && took < p.options.Timeout/4:
		p.atOnce = min(2*p.atOnce, maxBatch)
	case err == nil && bytes >= p.atMost/2 && took < p.options.Timeout/4:
		p.atMost = 2 * min(p.atMost, math.MaxInt/2)
	}
}

// commitEach writes changes one by one. When two of them took too long, it is not the
// runs that are in the way.
func (p *Projector) commitEach(changes []*change) {
	var err error
	for late, i := 0, 0; i < len(changes); i++ {
		if late < 2 {
			err = p.commitAlone(changes[i])
		}
		if changes[i].err = p.inTime(err); isLate(err) {
			late++
		}
	}
}

// commitAlone writes one change. It is given less time than all of them were.
func (p *Projector) commitAlone(c *change) error {
	ctx, cancel := context.WithTimeout(p.ctx, p.options.Timeout/8)
	defer cancel()
	return asRefused(ctx, p.store, c.run.id, p.commitTogether(ctx, []*change{c}))
}

// inTime makes an error that may go away of one that says that time was over.
func (p *Projector) inTime(err error) error {
	if isLate(err) && p.ctx.Err() == nil {
		return fmt.Errorf("%w: it does not answer, or somebody else keeps the run locked: %w", ErrAway, err)
	}
	return err
}

func isLate(err error) bool { return errors.Is(err, context.DeadlineExceeded) }

// commitTogether writes changes in one transaction, and finds those that have stale:
// their runs have been written by somebody else.
func (p *Projector) commitTogether(ctx context.Context, changes []*change) error {
	var runs, dropped []domain.RunID
	for _, c := range changes {
		c.stale = false
		switch {
		case c.writes():
			runs = append(runs, c.run.id)
		case c.dropped > 0:
			dropped = append(dropped, c.run.id)
		}
	}
	if len(dropped) > 0 {
		if err := p.confirm(ctx, changes, dropped); err != nil {
			return err
		}
	}
	if len(runs) == 0 {
		return nil
	}
	w := writer{store: p.store, options: &Options{}}
	return p.store.Update(ctx, func(tx Tx) error {
		locked, err := w.lock(tx, runs)
		if err != nil {
			return err
		}
		var current []*change
		for _, c := range changes {
			switch {
			case !c.writes():
			case c.run.stands(locked):
				current = append(current, c)
			default:
				c.stale = true
			}
		}
		return writeChanges(tx, p.store.Projections().Stored(), current)
	})
}

// confirm finds the runs whose rows are not any more what was known when segments of
// them were dropped: those may be needed again, for somebody may have removed the run,
// or derived it from less of its stream.
func (p *Projector) confirm(ctx context.Context, changes []*change, dropped []domain.RunID) error {
	now, err := p.store.Checkpoints(ctx, dropped)
	if err != nil {
		return err
	}
	for _, c := range changes {
		if c.dropped > 0 && !c.writes() && !c.run.stands(now) {
			c.stale = true
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
	return c.rows != nil || len(c.park) > 0 || c.unpark > 0 || c.quarantine != nil || c.lift
}

func writeChanges(tx Tx, of []*projections.Definition, changes []*change) error {
	var clear []domain.RunID
	for _, c := range changes {
		if c.rows != nil && !c.run.stored {
			clear = append(clear, c.run.id)
		}
	}
	if len(clear) > 0 {
		if err := tx.Clear(clear, of); err != nil {
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

// takeBack removes the rows that a last line without a line feed has added: more has come
// of it.
func (c *change) takeBack(tx Tx) error {
	if !c.run.torn {
		return nil
	}
	for _, t := range c.rows.Tables {
		if err := tx.Truncate(c.run.id, t.Of, t.Stored); err != nil {
			return err
		}
	}
	return nil
}

func (c *change) writeTo(tx Tx) error {
	run := c.run.id
	if c.rows != nil {
		if err := c.takeBack(tx); err != nil {
			return err
		}
		if err := tx.Insert(c.rows); err != nil {
			return err
		}
		if err := tx.SetCheckpoint(run, c.next); err != nil {
			return err
		}
	}
	if c.unpark > 0 {
		if err := tx.Unpark(run, c.unpark); err != nil {
			return err
		}
	}
	if len(c.park) > 0 {
		if err := tx.Park(c.park); err != nil {
			return err
		}
	}
	if c.quarantine != nil || c.lift {
		return tx.SetQuarantine(run, c.quarantine)
	}
	return nil
}
