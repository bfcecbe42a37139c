package storetest

import (
	"bytes"
	"fmt"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// Laws about incomplete last lines.
var tailLaws = []law{
	property("segments continue after a file that ends anywhere", goOnFromCut),
	property("tails among segments give the rows of the stream", tailsAnywhere),
	property("a file continues after a tail that came as a segment", fileGoesOnFromTail),
}

// cutOf draws where an unfinished stream ends: anywhere, or before the line feed of a complete
// line.
func (t *trial) cutOf(stream []byte) []byte {
	cut := t.upTo(len(stream), "cut")
	if t.flip("before a line feed") {
		cut += max(bytes.IndexByte(stream[cut:], '\n'), 0)
	}
	return stream[:cut]
}

// goOnFromCut ingests a file that ends anywhere, also within a line, and applies the rest as
// segments, with projectors that have not seen the beginning.
func goOnFromCut(t *trial) {
	run, stream := t.run("a"), t.stream("stream")
	r := aligned(run, t.cutOf(stream))
	if t.flip("rebuild") {
		value(store.Rebuild(t.ctx, t.store, recordings{r}, store.Options{}))
	} else {
		value(store.Ingest(t.ctx, t.store, r, store.Options{}))
	}
	must(t.agree(r))
	var rest []domain.Segment
	for _, s := range t.segments(run, stream) {
		if s.End() > int64(wholeLines(r.bytes())) { // it may begin earlier
			rest = append(rest, s)
		}
	}
	t.restarting(t.mixed(rest))
	t.asOneFold(run, stream, segmentSource)
}

// restarting applies segments with one projector after the other.
func (t *trial) restarting(segments []domain.Segment) {
	for len(segments) > 0 {
		n := 1 + t.upTo(len(segments)-1, "until")
		t.project(t.store, skipping(), hasty, func(p *store.Projector) {
			must(wrap("with "+show(segments[:n]), t.deliver(p, segments[:n])))
		})
		segments = segments[n:]
	}
}

// asOneFold returns an error if the rows and the checkpoint of a run, including the state, are not
// those of its whole stream.
func (t *trial) asOneFold(run domain.RunID, stream []byte, source string) {
	if err := t.projected(map[domain.RunID][]byte{run: stream}, source); err != nil {
		failf("%w, of %+q", err, stream)
	}
	whole := record(run, stream)
	whole.reading = skipping().ReadOptions()
	other := memory.Of(t.store.Projections())
	value(store.Ingest(t.ctx, other, whole, store.Options{}))
	runs := []domain.RunID{run}
	got, err := t.store.Checkpoints(t.ctx, runs)
	must(err)
	want, err := other.Checkpoints(t.ctx, runs)
	if err == nil && got[run].State != want[run].State {
		err = fmt.Errorf("the state is %s, not %s", show(got[run].State), show(want[run].State))
	}
	must(err)
}

// tails draws tails of a stream as it grows: for some lines, what there was of them, once or more
// often.
func (t *trial) tails(run domain.RunID, stream []byte) (tails []domain.Segment) {
	for at := 0; at < len(stream); {
		end := at + bytes.IndexByte(stream[at:], '\n')
		if end < at {
			end = len(stream)
		}
		for end > at && t.upTo(2, "tail") == 0 {
			n := end - at
			if t.flip("part of the line") {
				n = 1 + t.upTo(n-1, "bytes")
			}
			tails = append(tails, segmentOf(run, stream, at, at+n, true))
		}
		at = end + 1
	}
	return tails
}

func tailsAnywhere(t *trial) {
	run, stream := t.run("a"), t.stream("stream")
	segments := append(t.segments(run, stream), t.tails(run, stream)...)
	if t.flip("in order") { // as from a sender that is faster than the writer
		var grown []domain.Segment
		for end := range len(stream) + 1 {
			for _, s := range segments {
				if s.End() == int64(end) {
					grown = append(grown, s)
				}
			}
		}
		segments = grown
	} else {
		segments = t.mixed(segments)
	}
	t.restarting(segments)
	t.asOneFold(run, stream, segmentSource)
}

// fileGoesOnFromTail applies the beginning of a stream as segments that end with a tail, and
// ingests the whole stream from a file.
func fileGoesOnFromTail(t *trial) {
	run, stream := t.run("a"), t.stream("stream")
	cut := t.cutOf(stream)
	t.restarting(t.segments(run, cut))
	t.asOneFold(run, cut, segmentSource)
	r := aligned(run, stream)
	value(store.Ingest(t.ctx, t.store, r, store.Options{}))
	t.asOneFold(run, stream, segmentSource)
}
