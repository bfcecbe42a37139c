package broker

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/quire-ci/quire-project/domain"
)

// PublishOptions are those of a [Publisher]. Zero values have the meaning that is
// said with each.
type PublishOptions struct {
	// SegmentBytes is how many bytes a segment has at most, 0: [DefaultSegmentBytes].
	SegmentBytes int
	// Window is how many segments are handed to the broker at once, 0: eight. As
	// many are read ahead meanwhile.
	Window int
	// PendingBytes is how much of a live stream may wait to be published before whoever
	// adds more has to wait, 0: 4 MiB.
	PendingBytes int
	// GiveUp is for how long publishing is tried, 0: until the context ends.
	GiveUp time.Duration
	// FirstDelay and MostDelay are between one try and the next, which doubles,
	// 0: 50 ms and 5 s.
	FirstDelay, MostDelay time.Duration
	// Hopeless, when set, tells errors with which another try is pointless.
	Hopeless func(error) bool
	// Logger is told of tries that have failed, nil: nobody.
	Logger *slog.Logger
}

func (o PublishOptions) withDefaults() PublishOptions {
	o.SegmentBytes = cmp.Or(max(o.SegmentBytes, 0), DefaultSegmentBytes)
	o.Window = cmp.Or(max(o.Window, 0), 8)
	o.PendingBytes = cmp.Or(max(o.PendingBytes, 0), 4<<20)
	o.FirstDelay = cmp.Or(o.FirstDelay, 50*time.Millisecond)
	o.MostDelay = cmp.Or(o.MostDelay, 5*time.Second)
	if o.Hopeless == nil {
		o.Hopeless = func(error) bool { return false }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Publisher sends segments. It can be used from several goroutines, each with
// streams of its own.
//
// A stream that is published again arrives again: a broker that drops messages with known
// UUIDs drops only those that the Publisher sent again because it had no answer to the
// first attempt.
type Publisher struct {
	out     message.Publisher
	topics  Topics
	options PublishOptions
}

// NewPublisher returns a publisher that sends with out, which stays the
// caller's to close.
func NewPublisher(out message.Publisher, topics Topics, options PublishOptions) *Publisher {
	return &Publisher{out: out, topics: topics, options: options.withDefaults()}
}

// Stats say what was published.
type Stats struct {
	Segments int
	Bytes    int64
	// Retries is how often something had to be sent again.
	Retries int
}

func (s *Stats) add(other Stats) {
	s.Segments += other.Segments
	s.Bytes += other.Bytes
	s.Retries += other.Retries
}

// Publish sends segments in their order, and again until the broker has taken them, ctx ends, or
// it gives up with a [*PublishError]. Segments that were taken before that stay, and are in Stats:
// to publish all of them once more is always right.
func (p *Publisher) Publish(ctx context.Context, segments ...domain.Segment) (Stats, error) {
	var stats Stats
	if err := checkAll(segments); err != nil {
		return stats, err
	}
	for len(segments) > 0 {
		n := sameRun(segments)
		sent, err := p.send(ctx, segments[:n])
		stats.add(sent)
		if err != nil {
			return stats, err
		}
		segments = segments[n:]
	}
	return stats, nil
}

// sameRun counts the segments at the start that are of one run.
func sameRun(segments []domain.Segment) int {
	n := 1
	for n < len(segments) && segments[n].Run == segments[0].Run {
		n++
	}
	return n
}

// PublishStream cuts the stream of a run that is finished and sends it. While the
// broker takes some segments, the next ones are read. What was sent before an
// error is in Stats. It returns when it does not read any more, so
// a Read of r that blocks delays the end of ctx.
func (p *Publisher) PublishStream(ctx context.Context, run domain.RunID, r io.Reader) (Stats, error) {
	ctx, cancel := context.WithCancel(ctx)
	windows := make(chan window)
	go p.read(ctx, run, r, windows)
	defer func() { // read has ended when windows is closed
		cancel()
		for range windows {
		}
	}()

	var stats Stats
	for w := range windows {
		sent, err := p.Publish(ctx, w.segments...)
		stats.add(sent)
		if err = cmp.Or(err, w.err); err != nil {
			return stats, err
		}
	}
	return stats, ctx.Err()
}

// window are segments that are sent at once, and what is wrong behind them.
type window struct {
	segments []domain.Segment
	err      error
}

func (p *Publisher) read(ctx context.Context, run domain.RunID, r io.Reader, windows chan<- window) {
	defer close(windows)
	hand := func(w window) bool {
		select {
		case windows <- w:
			return true
		case <-ctx.Done():
			return false
		}
	}
	var w window
	for segment, err := range Cut(r, run, p.options.SegmentBytes) {
		if w.err = err; err != nil {
			break
		}
		w.segments = append(w.segments, segment)
		if len(w.segments) == p.options.Window {
			if !hand(w) {
				return
			}
			w = window{}
		}
	}
	hand(w)
}
