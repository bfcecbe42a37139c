package otlp

import (
	"cmp"
	"context"
	"errors"
	"io"
	"sync"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/quire-ci/quire-project/adapters/follow"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/tail"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// Sink returns a sink for [follow.Follow] that sends the spans of runs as their rows become final.
// When a run has ended, or its stream is considered ended, the sink sends the spans of everything
// open and of the run itself. reading are the options for reading streams.
//
// A sink remembers what it has sent. Another sink sends the spans again, with the same ids.
func (c *Client) Sink(options Options, reading jsonl.Options) follow.Sink {
	return &sink{client: c, options: options, reading: reading, runs: map[domain.RunID]*followed{}}
}

type sink struct {
	client  *Client
	options Options
	reading jsonl.Options

	mu   sync.Mutex
	runs map[domain.RunID]*followed
	err  error // the error of a Release
}

// followed is a run whose stream is followed.
type followed struct {
	known follow.Known
	sent  int // number of sent spans of final rows
	// The fold of the stream up to known.Mark; nil before the first segment, and while the run is
	// released.
	fold  *projections.Fold
	spans *spans
	batch *batch

	ctx  context.Context // of the current call
	skip int             // number of next spans to skip, because they were sent before
}

func (s *sink) run(id domain.RunID) *followed {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.runs[id]
	if f == nil {
		f = &followed{known: follow.Known{Mark: domain.StartMark}}
		s.runs[id] = f
	}
	return f
}

// start begins to fold the stream of a run from its start, and skips spans that were sent.
func (s *sink) start(run domain.RunID, f *followed) {
	f.skip = f.sent
	f.batch = newBatch(func(traces ptrace.Traces) error { return s.send(f, traces) })
	f.fold, f.spans = newFold(run, f.batch, s.options)
	f.known.Mark = domain.StartMark
}

func (s *sink) send(f *followed, traces ptrace.Traces) error {
	traces.ResourceSpans().RemoveIf(func(of ptrace.ResourceSpans) bool {
		of.ScopeSpans().RemoveIf(func(of ptrace.ScopeSpans) bool {
			of.Spans().RemoveIf(func(ptrace.Span) bool { f.skip--; return f.skip >= 0 })
			return of.Spans().Len() == 0
		})
		return of.ScopeSpans().Len() == 0
	})
	if traces.SpanCount() == 0 {
		return nil
	}
	err := s.client.sendOrWarn(f.ctx, traces)
	switch {
	case err == nil && !f.spans.ending:
		f.sent += traces.SpanCount()
	case err != nil && f.ctx.Err() == nil:
		err = &follow.SinkError{Err: err}
	}
	return err
}

func (s *sink) Begin(_ context.Context, source jsonl.Location) (follow.Known, error) {
	f := s.run(source.Run)
	return f.known, nil
}

func (s *sink) Write(ctx context.Context, source jsonl.Location, segment domain.Segment, entries []domain.Entry) error {
	f := s.run(source.Run)
	switch {
	case f.fold == nil && f.known.Bytes == 0 && segment.Offset == 0:
		s.start(source.Run, f)
	case f.fold == nil || segment.Offset != f.known.Bytes:
		return follow.ErrStale
	}
	for i := range entries {
		f.fold.Apply(&entries[i])
	}
	f.fold.Detach()
	f.known.Stored = true
	if !segment.Tail {
		f.known.Mark = domain.Mark{Bytes: segment.End(), SHA256: segment.SHA256}
	}
	return f.flush(ctx)
}

// flush sends the spans of final rows.
func (f *followed) flush(ctx context.Context) error {
	f.ctx = ctx
	f.batch.flush()
	f.known.Ended = f.fold.Run().Ended()
	return f.batch.err
}

// Derive folds the stream again from its start. It sends only spans that it has not sent, unless
// the stream is a different one.
func (s *sink) Derive(ctx context.Context, source jsonl.Location, reason error) (follow.Known, error) {
	return s.derive(ctx, source, reason, s.source(source).WholeLines())
}

func (s *sink) Rest(ctx context.Context, source jsonl.Location, reason error) error {
	_, err := s.derive(ctx, source, reason, s.source(source))
	return err
}

func (s *sink) source(at jsonl.Location) *jsonl.StoreSource {
	options := s.reading
	options.Name = at.Path
	return at.Source(options)
}

func (s *sink) derive(ctx context.Context, at jsonl.Location, reason error, source *jsonl.StoreSource) (follow.Known, error) {
	f := s.run(at.Run)
	if at.Path == jsonl.Stdin {
		return f.known, reason
	}
	same := !errors.Is(reason, tail.ErrRewritten)
	if same { // up to the known mark
		var err error
		if same, err = begins(ctx, source, f.known.Mark); err != nil {
			return f.known, err
		}
	}
	if !same {
		f.sent = 0
	}
	stream, err := source.Open(ctx, domain.Mark{})
	if err != nil {
		return f.known, err
	}
	defer stream.Close()
	s.start(at.Run, f)
	f.ctx = ctx
	if err := f.fold.Drain(projections.BeforeEach(stream, func() error { return f.batch.err })); err != nil {
		return f.known, err
	}
	f.fold.Detach()
	f.known.Mark, f.known.Stored = stream.Mark(), true
	return f.known, f.flush(ctx)
}

// begins reports whether a stream begins with the bytes that a mark describes.
func begins(ctx context.Context, source *jsonl.StoreSource, mark domain.Mark) (bool, error) {
	stream, err := source.Open(ctx, mark)
	if err != nil {
		return false, err
	}
	defer stream.Close()
	for {
		if _, err := stream.Next(); err != nil {
			return stream.Continues(), notEOF(err)
		}
	}
}

func notEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// Release frees the memory of a run, except for how far its stream was read. If the stream has
// ended, it first sends the spans of everything open.
func (s *sink) Release(ctx context.Context, source jsonl.Location, known follow.Known) (follow.Known, error) {
	f := s.run(source.Run)
	if f.fold == nil {
		return f.known, nil
	}
	f.spans.ending = known.Over
	f.ctx = ctx
	f.fold.Open()
	f.known.State = f.spans.row.State
	err := f.flush(ctx)
	f.known.Other = f.known.Bytes > 0 && !f.known.Ended
	f.fold, f.spans, f.batch = nil, nil, nil
	if err != nil && ctx.Err() == nil {
		s.mu.Lock()
		s.err = cmp.Or(s.err, err)
		s.mu.Unlock()
	}
	return f.known, nil
}

func (s *sink) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}
