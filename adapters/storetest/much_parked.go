package storetest

import (
	"bytes"
	"errors"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// muchParked parks all of a stream except its first line, which arrives afterwards.
func muchParked(t *trial) {
	run, stream, parts := t.muchToPark()
	t.inParts(len(parts), func(p *store.Projector) {
		must(t.deliver(p, parts[1:]))
		must(p.Apply(t.ctx, parts[0]))
		must(t.projected(map[domain.RunID][]byte{run: stream}, segmentSource))
	})
}

// muchRetried parks all of a stream of a quarantined run.
func muchRetried(t *trial) {
	run, stream, parts := t.muchToPark()
	must(t.transact(func(tx store.Tx) {
		value(tx.Lock([]domain.RunID{run}))
		must(errors.Join(tx.Park(parts), tx.SetQuarantine(run, &store.Quarantine{Code: store.MalformedSegment, Reason: "it was"})))
	}))
	t.inParts(len(parts), func(p *store.Projector) {
		must(p.Retry(t.ctx, run))
		must(t.projected(map[domain.RunID][]byte{run: stream}, segmentSource))
	})
}

// muchToPark returns a stream and its lines as segments.
func (t *trial) muchToPark() (run domain.RunID, stream []byte, parts []domain.Segment) {
	run, stream = t.run("a"), longStream(4)
	for at := 0; at < len(stream); at = int(parts[len(parts)-1].End()) {
		parts = append(parts, segmentOf(run, stream, at, at+bytes.IndexByte(stream[at:], '\n')+1, false))
	}
	return run, stream, parts
}

// inParts calls do, which applies that many segments, and checks that this takes several
// transactions, so that other runs have their turn, and that no segment is applied twice.
func (t *trial) inParts(segments int, do func(*store.Projector)) {
	most, applied := 0, 0
	options := hasty
	options.MaxParked = 30
	options.Done = func(b store.Batch) { most, applied = max(most, b.Segments), applied+b.Segments }
	t.project(t.store, skipping(), options, do)
	failIf(applied != segments || most > segments/2, "%d segments were applied, %d of them in one transaction, want %d in several", applied, most, segments)
}
