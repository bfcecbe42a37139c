package storetest

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

var segmentLaws = []law{
	property("segments in any order, late and twice, give the rows of the stream", anyOrder),
	property("another projector continues where one has stopped", goOn),
	property("a projector continues a run that came from a file, and the other way round", goOnFromFile),
	property("an error at any call loses no segment", faultySegments),
	property("two projectors of the same runs do not interfere", twoProjectors),
	property("a malformed run is quarantined alone, and can be retried", malformedRun),
}

var gapLaws = []law{
	thorough("a run with too many open rows for a state is derived from its stream", muchOpen),
	example("applied parked segments are written even if everything else must wait", parkedAlone),
	example("many parked segments are applied in parts when the missing one arrives", muchParked),
	example("many parked segments are applied in parts by a retry", muchRetried),
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

func anyOrder(t *trial) {
	streams := t.someStreams()
	segments := t.cut(streams)
	if t.flip("cut in another way too") {
		segments = append(segments, t.cut(streams)...)
	}
	t.project(t.store, skipping(), hasty, func(p *store.Projector) {
		must(t.deliver(p, t.mixed(segments)))
	})
	must(t.projected(streams, segmentSource))
}

func goOn(t *trial) {
	streams := t.someStreams()
	t.restarting(t.mixed(t.cut(streams)))
	must(t.projected(streams, segmentSource))
}

// goOnFromFile has whole lines in the file, which may grow while segments arrive.
func goOnFromFile(t *trial) {
	run, stream := t.run("a"), t.stream("stream")
	stream = stream[:wholeLines(stream)]
	if len(stream) == 0 {
		return
	}
	r := record(run, nil)
	r.reading = skipping().ReadOptions()
	for _, s := range t.segments(run, stream) {
		if t.flip("from the file") {
			r.is(stream[:s.End()])
			value(store.Ingest(t.ctx, t.store, r, store.Options{}))
			continue
		}
		t.project(t.store, skipping(), hasty, func(p *store.Projector) { must(p.Apply(t.ctx, s)) })
	}
	r.is(stream)
	value(store.Ingest(t.ctx, t.store, r, store.Options{Force: true}))
	must(t.projected(map[domain.RunID][]byte{run: stream}, r.name))
}

var errFault = errors.New("something went wrong")

func faultySegments(t *trial) {
	streams := t.someStreams()
	for _, s := range t.mixed(t.cut(streams)) {
		broken := &faulty{Store: t.store, due: at(1 + t.upTo(12, "at")), fault: func() error { return errFault }}
		t.project(broken, skipping(), hasty, func(p *store.Projector) {
			err := p.Apply(t.ctx, s)
			if errors.Is(err, errFault) {
				err = p.Apply(t.ctx, s) // as a broker would
			}
			must(err)
		})
	}
	must(t.projected(streams, segmentSource))
}

func twoProjectors(t *trial) {
	streams := t.someStreams()
	segments := t.mixed(t.cut(streams))
	n := t.upTo(len(segments), "the first one's")
	t.project(t.store, skipping(), hasty, func(a *store.Projector) {
		t.project(t.store, skipping(), hasty, func(b *store.Projector) {
			var both sync.WaitGroup
			var errA error
			both.Go(func() { errA = t.deliver(a, segments[:n]) })
			errB := t.deliver(b, segments[n:])
			both.Wait()
			must(errors.Join(errA, errB))
			// Segments may be parked by one projector while the other has applied the missing one.
			t.retryAll(a)
		})
	})
	must(t.projected(streams, segmentSource))
}

func (t *trial) retryAll(p *store.Projector) {
	for _, run := range t.runs {
		must(p.Retry(t.ctx, run))
	}
}

func malformedRun(t *trial) {
	good := map[domain.RunID][]byte{t.run("good"): append(exampleStreamOfLines(), "{\"at_ms\":9,\"type\":\"other\"}\n"...)}
	bad := t.run("bad")
	stream := slices.Concat(exampleStreamOfLines(), []byte("{\"at_ms\":x}\n"), exampleStreamOfLines())
	segments := append(t.cut(good), t.segments(bad, stream)...)
	strict := jsonl.NewSegments(jsonl.Options{})
	t.project(t.store, strict, hasty, func(p *store.Projector) {
		must(t.deliver(p, t.mixed(segments)))
		must(p.Retry(t.ctx, bad)) // it fails in the same way
	})
	switch waiting := value(t.store.Waiting(t.ctx, bad)); {
	case len(waiting) != 1 || waiting[0].Quarantine == nil || waiting[0].Quarantine.Code != store.MalformedSegment:
		failf("the malformed run is not quarantined: %+v", waiting)
	case waiting[0].Segments == 0 || waiting[0].First != waiting[0].Quarantine.Offset:
		failf("what cannot be applied is not parked from there on: %+v, %+v", waiting[0], *waiting[0].Quarantine)
	}
	// Nothing is lost: a projector that skips malformed lines gets all rows, and later ones read
	// the stream in the same way.
	t.project(t.store, skipping(), hasty, func(p *store.Projector) { must(p.Retry(t.ctx, bad)) })
	must(t.projected(map[domain.RunID][]byte{bad: stream}, segmentSource))
	more := slices.Concat(stream, []byte("oh\n"))
	t.project(t.store, strict, hasty, func(p *store.Projector) {
		must(p.Apply(t.ctx, segmentOf(bad, more, len(stream), len(more), false)))
		must(t.projected(map[domain.RunID][]byte{bad: more}, segmentSource))
	})
}

// exampleStreamOfLines returns a well-formed stream.
func exampleStreamOfLines() []byte {
	long := longStream(2)
	return long[:wholeLines(long[:len(long)/8])]
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
