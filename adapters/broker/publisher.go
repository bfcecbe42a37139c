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

// PublishOptions are the options of a [Publisher]. The zero value of each field selects its default.
type PublishOptions struct {
	// SegmentBytes is the maximum size of a segment. The default is [DefaultSegmentBytes].
	SegmentBytes int
	// LineBytes is the maximum size of a line, if that is larger than a segment: such a line is a
	// segment of its own.
	LineBytes int
	// Window is how many segments are sent to the broker at once. As many are read ahead. The default
	// is eight.
	Window int
	// GiveUp is how long publishing is retried. The default is until the context ends.
	GiveUp time.Duration
	// FirstDelay and MostDelay are the first and the maximum delay between attempts. Each delay is
	// twice the previous one. The defaults are 50 ms and 5 s.
	FirstDelay, MostDelay time.Duration
	// Hopeless, if set, reports whether further attempts after an error are pointless.
	Hopeless func(error) bool
	// Logger, if set, logs failed attempts.
	Logger *slog.Logger
}

func (o PublishOptions) withDefaults() PublishOptions {
	o.SegmentBytes = cmp.Or(max(o.SegmentBytes, 0), DefaultSegmentBytes)
	o.Window = cmp.Or(max(o.Window, 0), 8)
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

// Publisher sends segments. Several goroutines may use it, each for different streams.
//
// If you publish a stream twice, it arrives twice: a broker that drops messages with known UUIDs drops
// only those that the Publisher sent again because the first attempt got no answer.
type Publisher struct {
	out     message.Publisher
	topics  Topics
	options PublishOptions
}

// NewPublisher returns a publisher that sends with out. It does not close out.
func NewPublisher(out message.Publisher, topics Topics, options PublishOptions) *Publisher {
	return &Publisher{out: out, topics: topics, options: options.withDefaults()}
}

// Stats counts what was published.
type Stats struct {
	Segments int
	Bytes    int64
	// Retries counts the repeated attempts.
	Retries int
}

func (s *Stats) add(other Stats) {
	s.Segments += other.Segments
	s.Bytes += other.Bytes
	s.Retries += other.Retries
}

// Publish sends segments in order, and retries until the broker has accepted them, ctx ends, or it
// gives up with a [*PublishError]. Segments that the broker accepted before an error remain, and Stats
// counts them. It is always safe to publish all segments again.
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

// sameRun returns how many segments at the start belong to one run.
func sameRun(segments []domain.Segment) int {
	n := 1
	for n < len(segments) && segments[n].Run == segments[0].Run {
		n++
	}
	return n
}

// PublishStream cuts the stream of a finished run and sends it. It reads the next segments while the
// broker accepts the current ones. After an error, Stats counts what was sent before. PublishStream
// returns only when it no longer reads, so a Read of r that blocks delays the end of ctx.
func (p *Publisher) PublishStream(ctx context.Context, run domain.RunID, r io.Reader) (Stats, error) {
	ctx, cancel := context.WithCancel(ctx)
	windows := make(chan window)
	go p.read(ctx, run, r, windows)
	defer func() { // reading has ended when windows is closed
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

// window is a batch of segments that are sent at once, and the error that follows them.
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
	for segment, err := range cut(r, run, p.options.SegmentBytes, p.options.LineBytes) {
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
