package storetest

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

const (
	anyArrival = "segments and files in any order and any way, late and twice, give the rows of the streams"
	anyWriter  = "repeated segments give the rows, whatever other programs do"
)

var segmentLaws = []law{
	often(anyArrival, arrivals),
	property(anyWriter, disturbed),
}

var gapLaws = []law{
	thorough("a run with too many open rows for a state is derived from its stream", muchOpen),
	example("applied parked segments are written even if everything else must wait", parkedAlone),
	example("many parked segments are applied in parts", muchParked),
}

// skipping skips malformed lines, as recordings do.
func skipping() *jsonl.Segments { return jsonl.NewSegments(jsonl.Options{OnMalformed: jsonl.Skip}) }

const segmentSource = "segments"

// hasty are options with which a projector parks early segments at once, does not wait long, and
// keeps little in memory.
var hasty = store.ProjectorOptions{Source: func(domain.RunID) string { return segmentSource }, Grace: time.Millisecond, GapTimeout: time.Hour, MaxRuns: 2, MaxParked: 2}

// project calls do with a projector.
func (t *trial) project(s store.Store, decoder store.Decoder, options store.ProjectorOptions, do func(*store.Projector)) {
	p := store.NewProjector(s, decoder, options)
	err := caught(func() { do(p) })
	must(errors.Join(err, p.Close(t.ctx)))
}

// segments cuts a stream into segments of whole lines, and its tail. The first segment may be
// empty, to announce the run.
func (t *trial) segments(run domain.RunID, stream []byte) []domain.Segment {
	var segments []domain.Segment
	if len(stream) == 0 || t.draw != nil && t.flip("an empty one") {
		segments = append(segments, segmentOf(run, stream, 0, 0, false))
	}
	for at := 0; at < len(stream); {
		end := at + bytes.IndexByte(stream[at:], '\n') + 1
		tail := end == at
		if tail {
			end = len(stream)
		}
		for !tail && end < wholeLines(stream) && t.draw != nil && t.flip("another line") {
			end += bytes.IndexByte(stream[end:], '\n') + 1
		}
		segments = append(segments, segmentOf(run, stream, at, end, tail))
		at = end
	}
	return segments
}

func segmentOf(run domain.RunID, stream []byte, at, end int, tail bool) domain.Segment {
	return domain.Segment{Run: run, Offset: int64(at), Data: stream[at:end], Tail: tail, SHA256: sha256.Sum256(stream[:end])}
}

// mixed returns segments in another order, some of them twice.
func (t *trial) mixed(segments []domain.Segment) []domain.Segment {
	var mixed []domain.Segment
	for _, s := range segments {
		for range 1 + t.upTo(1, "again") {
			mixed = slices.Insert(mixed, t.upTo(len(mixed), "place"), s)
		}
	}
	return mixed
}

// deliver applies segments, several at a time.
func (t *trial) deliver(p *store.Projector, segments []domain.Segment) error {
	var all sync.WaitGroup
	errs := make([]error, len(segments))
	atOnce := make(chan struct{}, 4)
	for i, s := range segments {
		atOnce <- struct{}{}
		all.Go(func() {
			errs[i] = p.Apply(t.ctx, s)
			<-atOnce
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// someStreams draws some runs, and returns their streams, without empty ones.
func (t *trial) someStreams() map[domain.RunID][]byte {
	streams := map[domain.RunID][]byte{}
	for i := range 1 + t.upTo(2, "runs") {
		run, stream := t.run(fmt.Sprint("run ", i)), t.stream("stream")
		if len(stream) > 0 {
			streams[run] = stream
		}
	}
	return streams
}

// cut returns the segments of all streams.
func (t *trial) cut(streams map[domain.RunID][]byte) []domain.Segment {
	var segments []domain.Segment
	for _, run := range t.runs {
		segments = append(segments, t.segments(run, streams[run])...)
	}
	return segments
}

// projected returns an error if the store differs from one fold of each stream.
func (t *trial) projected(streams map[domain.RunID][]byte, source string) error {
	for run, stream := range streams {
		want := record(run, stream).derivedOf(t.of)
		want.checkpoint.V.Source, want.checkpoint.V.ReadOptions = source, skipping().ReadOptions()
		if err := t.holds(want); err != nil {
			return err
		}
	}
	waiting, err := t.store.Waiting(t.ctx, t.runs...)
	if err == nil && len(waiting) > 0 {
		err = fmt.Errorf("%d runs still wait, the first with %d segments", len(waiting), waiting[0].Segments)
	}
	return err
}

var errFault = errors.New("something went wrong")

// arrivals delivers portions of segments, each in one of the ways in which they come. Segments may be
// cut in two ways, and begin or end within a line.
func arrivals(t *trial) {
	streams := t.someStreams()
	segments := t.cut(streams)
	if t.flip("cut in another way too") {
		segments = append(segments, t.cut(streams)...)
	}
	if t.flip("tails") {
		for _, run := range t.runs {
			segments = append(segments, t.tails(run, streams[run])...)
		}
	}
	if segments = t.mixed(segments); t.flip("in order") { // as from a sender that is faster than the writer
		slices.SortStableFunc(segments, func(a, b domain.Segment) int { return cmp.Compare(a.End(), b.End()) })
	}
	for len(segments) > 0 {
		n := 1 + t.upTo(len(segments)-1, "until")
		t.arrive(streams, slices.Clone(segments[:n]))
		segments = segments[n:]
	}
	for run, stream := range streams {
		t.asOneFold(run, stream, segmentSource)
	}
}

// arrive delivers segments in some way. Some of their streams come from a file, up to a place that
// the store has not reached.
func (t *trial) arrive(streams map[domain.RunID][]byte, segments []domain.Segment) {
	faulty := &faulty{Store: t.store, due: at(t.upTo(12, "at")), fault: func() error { return errFault }}
	again := func(apply func() error) error { // as a broker would
		err := apply()
		if errors.Is(err, errFault) {
			err = apply()
		}
		return err
	}
	switch pick(t, "way", "projector", "projector", "faults", "two projectors", "append", "file") {
	case "faults":
		t.project(faulty, skipping(), hasty, func(p *store.Projector) {
			for _, s := range segments {
				must(again(func() error { return p.Apply(t.ctx, s) }))
			}
		})
		return
	case "append":
		segments = slices.DeleteFunc(segments, func(s domain.Segment) bool { return s.Tail && s.End() < int64(len(streams[s.Run])) })
		t.project(faulty, skipping(), hasty, func(p *store.Projector) {
			together(2, func(int) {
				for _, s := range segments {
					must(t.append(p, streams[s.Run], s))
				}
			})
		})
		return
	case "projector":
		t.project(t.store, skipping(), hasty, func(p *store.Projector) { must(t.deliver(p, segments)) })
		return
	case "file":
		for run, stream := range streams {
			end := value(t.store.Checkpoints(t.ctx, []domain.RunID{run}))[run].End.Bytes
			file := aligned(run, stream[:max(end, int64(len(t.cutOf(stream))))])
			if t.flip("rebuild") {
				must(t.rebuild(file, store.Options{}))
			} else {
				value(store.Ingest(t.ctx, t.store, file, store.Options{}))
			}
			must(t.agree(file))
		}
	}
	half := t.upTo(len(segments), "the first one's")
	t.project(t.store, skipping(), hasty, func(a *store.Projector) {
		t.project(t.store, skipping(), hasty, func(b *store.Projector) {
			together(2, func(i int) {
				must(t.deliver([]*store.Projector{a, b}[i], [][]domain.Segment{segments[:half], segments[half:]}[i]))
			})
			// Segments may be parked by one projector while the other has applied the missing one.
			for _, run := range t.runs {
				must(a.Retry(t.ctx, run))
			}
		})
	})
}

// until waits until the condition holds for a waiting run.
func (t *trial) until(run domain.RunID, is func(store.Waiting) bool) error {
	for {
		waiting, err := t.store.Waiting(t.ctx, run)
		switch {
		case err != nil:
			return err
		case len(waiting) == 1 && is(waiting[0]):
			return nil
		}
		select {
		case <-t.ctx.Done():
			return fmt.Errorf("the run does not come to wait as it should: %+v", waiting)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// parkedAlone makes a projector find a parked segment that continues the rows, while the segment
// that it was given must wait.
func parkedAlone(t *trial) {
	run := t.run("a")
	stream := longStream(1)
	var parts []domain.Segment // five parts of about the same length
	for at := 0; at < len(stream); {
		end := len(stream)
		if len(parts) < 4 {
			end = wholeLines(stream[:at+len(stream)/5+1])
		}
		parts = append(parts, segmentOf(run, stream, at, end, false))
		at = end
	}
	t.project(t.store, skipping(), hasty, func(b *store.Projector) {
		must(b.Apply(t.ctx, parts[0]))
		t.project(t.store, skipping(), hasty, func(a *store.Projector) { must(a.Apply(t.ctx, parts[2])) })
		must(b.Apply(t.ctx, parts[1])) // this projector does not know of the parked segment
	})
	patient := store.ProjectorOptions{Source: func(domain.RunID) string { return segmentSource }, Grace: time.Minute, GapTimeout: time.Hour}
	t.project(t.store, skipping(), patient, func(c *store.Projector) {
		last := make(chan error, 1)
		go func() { last <- c.Apply(t.ctx, parts[4]) }()
		time.Sleep(50 * time.Millisecond) // it waits for the one before it
		must(errors.Join(c.Apply(t.ctx, parts[3]), <-last))
		must(t.projected(map[domain.RunID][]byte{run: stream}, segmentSource))
	})
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

// disturbed removes runs, and derives them from shorter or longer parts of their streams, while a
// projector applies segments.
func disturbed(t *trial) {
	streams := t.someStreams()
	for run, stream := range streams {
		if streams[run] = stream[:wholeLines(stream)]; len(streams[run]) == 0 {
			delete(streams, run)
		}
	}
	t.project(t.store, skipping(), hasty, func(p *store.Projector) {
		for range 1 + t.upTo(3, "disturbances") {
			segments, delivered := t.mixed(t.cut(streams)), make(chan error, 1)
			deliver := func() { delivered <- t.deliver(p, segments) }
			if t.flip("at once") {
				go deliver()
			} else {
				deliver()
			}
			for run, stream := range streams {
				t.disturb(run, stream)
			}
			must(<-delivered)
		}
		must(t.deliver(p, t.mixed(t.cut(streams))))
	})
	for run, stream := range streams { // the name of the source may be either
		t.derivedFrom(run, stream)
	}
	must(t.noneWaits())
}

// disturb changes the rows of a run.
func (t *trial) disturb(run domain.RunID, stream []byte) {
	switch t.upTo(3, "disturbance") {
	case 0:
		must(t.remove(run))
		return
	case 1, 2:
		r := record(run, stream[:wholeLines(stream[:t.upTo(len(stream), "prefix")])])
		if r.reading = skipping().ReadOptions(); len(r.data) == 0 {
			return
		}
		_, err := store.Ingest(t.ctx, t.store, r, store.Options{Force: t.flip("force")})
		must(err)
		return
	}
}

// derivedFrom returns an error if the rows of a run are not those of a stream.
func (t *trial) derivedFrom(run domain.RunID, stream []byte) {
	want := record(run, stream).derived()
	stored := value(t.store.Checkpoints(t.ctx, []domain.RunID{run}))
	want.checkpoint.V.Source, want.checkpoint.V.ReadOptions = stored[run].Source, stored[run].ReadOptions
	must(t.holds(want))
}

func (t *trial) noneWaits() error { return t.wait() }

// wait returns an error unless exactly these of the trial's runs wait.
func (t *trial) wait(want ...domain.RunID) error {
	var got []domain.RunID
	waiting, err := t.store.Waiting(t.ctx, t.runs...)
	for _, w := range waiting {
		got = append(got, w.Run)
	}
	if want = slices.Sorted(slices.Values(want)); err == nil && !slices.Equal(got, want) {
		err = fmt.Errorf("%s wait, not %s: %+v", show(got), show(want), waiting)
	}
	return err
}

// untilNoneWaits waits until no run of the trial is waiting.
func (t *trial) untilNoneWaits() {
	for t.noneWaits() != nil {
		select {
		case <-t.ctx.Done():
			failf("the quarantine stays: %w", t.noneWaits())
		case <-time.After(5 * time.Millisecond):
		}
	}
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
