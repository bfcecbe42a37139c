package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"sync"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

var appendLaws = []law{
	property("senders that append where the store says give the rows of the stream", appendedByMany),
	property("a segment that cannot be appended changes nothing", notAppended),
}

// appendedByMany runs several senders that append the same streams, each in its own order.
func appendedByMany(t *trial) {
	streams := t.someStreams()
	var senders [][]domain.Segment
	for range 1 + t.upTo(2, "senders") {
		senders = append(senders, t.mixed(t.cut(streams)))
	}
	broken := &faulty{Store: t.store, due: at(t.upTo(30, "at")), fault: func() error { return errFault }}
	t.project(broken, skipping(), hasty, func(p *store.Projector) {
		var all sync.WaitGroup
		errs := make([]error, len(senders))
		for i, segments := range senders {
			all.Go(func() {
				for _, s := range segments {
					errs[i] = errors.Join(errs[i], t.append(p, streams[s.Run], s))
				}
			})
		}
		all.Wait()
		must(errors.Join(errs...))
	})
	must(t.projected(streams, segmentSource))
}

// append appends a segment of a stream, and first the part before it that the store lacks.
func (t *trial) append(p *store.Projector, stream []byte, s domain.Segment) error {
	for {
		err := p.Append(t.ctx, s)
		var refused *store.NotAppendedError
		switch {
		case errors.Is(err, errFault): // a client sends it again
		case !errors.As(err, &refused):
			return err
		case refused.Quarantine != nil, refused.Expected < 0, refused.Expected >= s.Offset:
			return fmt.Errorf("the segment at %d is refused: the next one begins at %d: %w", s.Offset, refused.Expected, err)
		default:
			end := int(refused.Expected) + bytes.IndexByte(stream[refused.Expected:], '\n') + 1
			if err := t.append(p, stream, segmentOf(s.Run, stream, int(refused.Expected), end, false)); err != nil {
				return err
			}
		}
	}
}

// notAppended appends segments that the store must refuse to a run with some lines, and then the
// rest of its lines.
func notAppended(t *trial) {
	run, stream := t.run("a"), exampleStreamOfLines()
	there := wholeLines(stream[:t.upTo(len(stream), "there")])
	strict := jsonl.NewSegments(jsonl.Options{})
	r := record(run, stream[:there])
	r.name, r.reading = segmentSource, strict.ReadOptions()
	t.project(t.store, strict, hasty, func(p *store.Projector) {
		if there > 0 {
			must(p.Append(t.ctx, segmentOf(run, stream, 0, there, false)))
		}
		for range 1 + t.upTo(2, "refused") {
			t.refuse(p, run, stream, there)
			if there > 0 {
				must(t.holds(r.derivedOf(t.of)))
			}
			waiting := value(t.store.Waiting(t.ctx, run))
			failIf(len(waiting) > 0, "a refused segment is parked, or its run quarantined: %+v", waiting)
		}
		must(p.Append(t.ctx, segmentOf(run, stream, 0, len(stream), false)))
	})
	r.is(stream)
	must(t.holds(r.derivedOf(t.of)))
}

// refuse appends a segment that must be refused.
func (t *trial) refuse(p *store.Projector, run domain.RunID, stream []byte, there int) {
	s := segmentOf(run, stream, there, len(stream), false)
	kind := pick(t, "kind", "malformed", "gap", "another", "another before")
	if there == 0 && kind != "gap" || there == len(stream) && kind == "gap" {
		kind = "malformed"
	}
	switch kind {
	case "malformed":
		good := wholeLines(stream[there:max(there, t.upTo(len(stream), "good"))])
		s.Data = append(append([]byte{}, stream[there:there+good]...), "{\"at_ms\":x}\n"...)
		s.SHA256 = [len(s.SHA256)]byte{}
	case "gap":
		next := there + bytes.IndexByte(stream[there:], '\n') + 1
		s = segmentOf(run, append(stream, stream...), next, next+len(stream), false)
	case "another":
		s.Data = append(s.Data[:len(s.Data):len(s.Data)], "{\"at_ms\":9,\"type\":\"other\"}\n"...)
		s.SHA256[0]++
	case "another before":
		s = segmentOf(run, stream, 0, there, false)
		s.SHA256[0]++
	}
	var refused *store.NotAppendedError
	err := p.Append(t.ctx, s)
	failIf(!errors.As(err, &refused), "a segment is not refused, of this kind: %s; %v", kind, err)
	failIf((kind == "gap") != (refused.Quarantine == nil), "a segment is refused for another reason, of this kind: %s; %+v", kind, refused.Quarantine)
	failIf(refused.Expected != int64(there), "the next segment begins at %d, and is said to at %d: %s", there, refused.Expected, kind)
}
