// Package publish sends the streams of runs to a message broker, or to a server over HTTP: whole
// streams, pipes, and streams that grow.
package publish

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"golang.org/x/sync/errgroup"

	"github.com/quire-ci/quire-project/adapters/broker"
	"github.com/quire-ci/quire-project/adapters/follow"
	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/tail"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// Options are the options of a [Publication].
type Options struct {
	// MaxMessage is how many bytes of a stream fit into a message of the broker. The default is
	// [broker.DefaultSegmentBytes].
	MaxMessage int
	// GiveUp is how long sending the end of a pipe is retried. The default is until the context ends.
	GiveUp time.Duration
	// Read, if set, counts the bytes read from files, for a progress bar.
	Read *atomic.Int64
	// Skipped, if set, is called for each stream that is not published, or not to its end. The
	// error names the stream.
	Skipped func(err error)
	// Cut, if set, is called for each truncated compressed stream. Its whole lines were published.
	Cut func(source jsonl.Location)
	// Warn, if set, reports what following continues without, see [follow.Report].
	Warn func(error)
}

// Publication sends streams, and counts what was sent. It is safe for concurrent use.
type Publication struct {
	Options
	publisher *broker.Publisher
	server    *HTTP // nil for a broker

	mu      sync.Mutex
	summary Summary
	sent    map[domain.RunID]follow.Known // how much was sent of growing streams
}

// Summary describes what was published.
type Summary struct {
	broker.Stats
	// Runs counts the runs that were sent to their ends.
	Runs int
	// Skipped has the reasons why streams were not published, or not to their ends.
	Skipped []error
}

// String returns a line such as "2 runs in 10 segments".
func (s Summary) String() string {
	return fmt.Sprintf("%s in %s", display.Plural(s.Runs, "run"), display.Plural(s.Segments, "segment"))
}

// New returns a publication that sends with a publisher.
func New(publisher *broker.Publisher, options Options) *Publication {
	if options.MaxMessage <= 0 {
		options.MaxMessage = broker.DefaultSegmentBytes
	}
	if options.Skipped == nil {
		options.Skipped = func(error) {}
	}
	if options.Cut == nil {
		options.Cut = func(jsonl.Location) {}
	}
	return &Publication{Options: options, publisher: publisher, sent: map[domain.RunID]follow.Known{}}
}

// Target is where segments are sent: a broker, or a server.
type Target interface {
	broker.Topics
	fmt.Stringer
	Publisher() message.Publisher
	// MaxMessage is how many bytes of a stream fit into a message.
	MaxMessage() int
	Close() error
}

// To is [New] for a target. sending says how long sending is retried, and when it is pointless.
func To(t Target, sending broker.PublishOptions, options Options) *Publication {
	sending.SegmentBytes, options.MaxMessage = t.MaxMessage(), t.MaxMessage()
	server, is := t.(*HTTP)
	if is {
		sending.SegmentBytes, sending.LineBytes = broker.DefaultSegmentBytes, t.MaxMessage()
		sending.Window, sending.Hopeless = 1, IsHopeless // accepted segments are not sent again
	}
	p := New(broker.NewPublisher(t.Publisher(), t, sending), options)
	p.server = server
	return p
}

// Summary returns the current summary. It does not count what the server already had.
func (p *Publication) Summary() Summary {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.summary
	if p.server != nil {
		accepted := p.server.stats()
		s.Segments, s.Bytes = accepted.Segments, accepted.Bytes
	}
	return s
}

// atOnce is how many streams are sent at the same time.
const atOnce = 4

// All sends streams in their current state, each run once. The error is one of the broker, or of ctx.
func (p *Publication) All(ctx context.Context, streams iter.Seq2[jsonl.Location, error]) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	name := func(source jsonl.Location) (domain.RunID, string) { return source.Run, source.Path }
	for source, err := range store.Distinct(streams, name) {
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			p.skip(source, err)
			continue
		}
		group.Go(func() error { return p.Stream(ctx, source) })
	}
	return group.Wait()
}

// Stream sends a stream from start to end, and standard input as it arrives. The error is one of the
// broker, or of ctx.
func (p *Publication) Stream(ctx context.Context, source jsonl.Location) error {
	if err := store.CheckRunID(source.Run); err != nil {
		p.skip(source, &store.SourceError{Name: source.Path, Err: err})
		return nil
	}
	cut, err := p.send(ctx, source)
	for errors.As(err, new(*GapError)) && source.Path != jsonl.Stdin { // the server no longer has the beginning
		cut, err = p.send(ctx, source)
	}
	if cut && (err == nil || isCut(err)) { // a truncated end is no error either
		p.Cut(source)
		err = nil
	}
	var failed *broker.PublishError
	refused := refusedRun(err)
	switch {
	case refused != nil:
		err = refused
	case err == nil, errors.As(err, &failed), errors.Is(err, context.Canceled), errors.Is(err, ErrGivenUp):
		return err
	}
	p.skip(source, err)
	return nil
}

// send sends a stream once, and reports whether it is a compressed one that was truncated.
func (p *Publication) send(ctx context.Context, source jsonl.Location) (cut bool, err error) {
	file, err := source.Open()
	if err != nil {
		return false, err
	}
	defer file.Close()
	if source.Path == jsonl.Stdin {
		err = p.Pipe(ctx, source.Run, file.Bytes())
		return file.Cut(), err
	}
	stats, err := p.publisher.PublishStream(ctx, source.Run, &counted{file: file, read: p.Read})
	if err == nil {
		err = p.server.ahead(source.Run)
	}
	p.count(stats, err == nil || isCut(err))
	return file.Cut(), err
}

// refusedRun returns why a server does not accept a run, if it may accept others.
func refusedRun(err error) error {
	if refused, ok := errors.AsType[*RefusedError](err); ok && refused.isOfRun() {
		return refused
	}
	return nil
}

// counted counts the bytes of a file that are read.
type counted struct {
	file *jsonl.File
	read *atomic.Int64
	done int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.file.Bytes().Read(p)
	if c.read != nil {
		done := c.file.Done()
		c.read.Add(done - c.done)
		c.done = done
	}
	return n, err
}

func (p *Publication) count(stats broker.Stats, whole bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.summary.Segments += stats.Segments
	p.summary.Bytes += stats.Bytes
	p.summary.Retries += stats.Retries
	if whole {
		p.summary.Runs++
	}
}

func (p *Publication) skip(source jsonl.Location, err error) {
	p.mu.Lock()
	p.summary.Skipped = append(p.summary.Skipped, err)
	p.mu.Unlock()
	p.report(source, err)
}

// report reports a stream that is not published, or not to its end.
func (p *Publication) report(source jsonl.Location, err error) {
	if words := err.Error(); errors.Is(err, tail.ErrRewritten) {
		err = fmt.Errorf("%w; what was published stays; publish the new stream as another run, with --run-id", err)
	} else if !strings.Contains(words, source.Path) && !strings.Contains(words, string(source.Run)) {
		err = fmt.Errorf("%s: %w", source.Path, err)
	}
	p.Skipped(err)
}
