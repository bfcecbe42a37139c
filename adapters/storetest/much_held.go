package storetest

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// muchHeld has all of a stream held but its first line, which comes then.
func muchHeld(t *trial) error {
	run, stream, parts := t.muchToHold()
	return t.inParts(len(parts), func(p *store.Projector) error {
		if err := t.deliver(p, parts[1:]); err != nil {
			return err
		}
		if err := p.Apply(t.ctx, parts[0]); err != nil {
			return err
		}
		return t.projected(map[domain.RunID][]byte{run: stream}, segmentSource)
	})
}

// muchRetried has all of a stream held, of a run that is quarantined.
func muchRetried(t *trial) error {
	run, stream, parts := t.muchToHold()
	err := t.store.Update(t.ctx, func(tx store.Tx) error {
		if _, err := tx.Lock([]domain.RunID{run}); err != nil {
			return err
		}
		return errors.Join(tx.Park(parts), tx.SetQuarantine(run, &store.Quarantine{Code: store.MalformedSegment, Reason: "it was"}))
	})
	if err != nil {
		return err
	}
	return t.inParts(len(parts), func(p *store.Projector) error {
		if err := p.Retry(t.ctx, run); err != nil {
			return err
		}
		return t.projected(map[domain.RunID][]byte{run: stream}, segmentSource)
	})
}

// muchToHold returns a stream and its lines, a segment each.
func (t *trial) muchToHold() (run domain.RunID, stream []byte, parts []domain.Segment) {
	run, stream = t.run("a"), longStream(15)
	for at := 0; at < len(stream); at = int(parts[len(parts)-1].End()) {
		parts = append(parts, segmentOf(run, stream, at, at+bytes.IndexByte(stream[at:], '\n')+1, false))
	}
	return run, stream, parts
}

// inParts lets do have so many segments applied, and expects that it takes several
// transactions, so that others have their turn, and no segment is applied twice.
func (t *trial) inParts(segments int, do func(*store.Projector) error) error {
	most, applied := 0, 0
	options := hasty
	options.MaxParked = 100
	options.Done = func(b store.Batch) { most, applied = max(most, b.Segments), applied+b.Segments }
	if err := t.project(t.store, skipping(), options, do); err != nil {
		return err
	}
	if applied != segments || most > segments/2 {
		return fmt.Errorf("%d segments were applied, %d of them in one transaction, want %d in several", applied, most, segments)
	}
	return nil
}
