package storetest

import (
	"bytes"
	"errors"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// muchParked parks all of a stream except its first line, which arrives afterwards, and all of a
// stream of a quarantined run, which is retried.
func muchParked(t *trial) {
	for _, way := range []string{"missing", "retried"} {
		run, stream := t.run(way), longStream(4)
		var parts []domain.Segment // its lines
		for at := 0; at < len(stream); at = int(parts[len(parts)-1].End()) {
			parts = append(parts, segmentOf(run, stream, at, at+bytes.IndexByte(stream[at:], '\n')+1, false))
		}
		if way == "retried" {
			must(t.update([]domain.RunID{run}, func(tx store.Tx) {
				must(errors.Join(tx.Park(parts), tx.SetQuarantine(run, &store.Quarantine{Code: store.MalformedSegment, Reason: "it was"})))
			}))
		}
		t.inParts(len(parts), func(p *store.Projector) {
			if way == "retried" {
				must(p.Retry(t.ctx, run))
			} else {
				must(t.deliver(p, parts[1:]))
				must(p.Apply(t.ctx, parts[0]))
			}
			must(t.projected(map[domain.RunID][]byte{run: stream}, segmentSource))
		})
	}
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
