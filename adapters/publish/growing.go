package publish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/quire-ci/quire-project/adapters/broker"
	"github.com/quire-ci/quire-project/adapters/follow"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
)

// pieceSize is how many bytes of a growing stream are sent at once.
const pieceSize = 256 << 10

// Follow sends the stream at a path, or the streams in the folder at a path, as they grow, see
// [follow.Follow]. run is the id of the run of a single stream; if it is "", the id is derived from
// the file's name. The error is one of the broker, of ctx, or of the path.
func (p *Publication) Follow(ctx context.Context, path string, run domain.RunID) error {
	summary, err := follow.Follow(ctx, path, p.following(run))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.summary.Skipped = slices.Concat(p.summary.Skipped, summary.Skipped, summary.Unread)
	return err
}

func (p *Publication) following(run domain.RunID) follow.Options {
	return follow.Options{
		Streams: jsonl.Options{OnMalformed: jsonl.Skip, MaxLine: max(jsonl.DefaultMaxLine, p.MaxMessage)}, Run: run, Sink: &sink{p}, PieceSize: min(pieceSize, p.MaxMessage),
		Report: follow.Report{
			Warn: p.Warn,
			Skipped: func(run domain.RunID, err error) {
				if !isCut(err) {
					p.report(jsonl.Location{Run: run}, err)
				}
			},
		},
	}
}

// ErrGivenUp reports that the end of a pipe was not accepted.
var ErrGivenUp = errors.New("the end of the stream was not accepted, and is lost unless a file has it")

// Pipe sends a stream as its lines arrive from r: at once or, while earlier ones are being accepted,
// together with those that arrive in the meantime. The data exists nowhere else, so Pipe waits for an
// unavailable broker or server as long as more data arrives. The error is one of the broker, or of ctx.
func (p *Publication) Pipe(ctx context.Context, run domain.RunID, r io.Reader) error {
	sending, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	ended := func() {
		if p.GiveUp > 0 {
			time.AfterFunc(p.GiveUp, func() { stop(ErrGivenUp) })
		}
	}
	summary, err := follow.Read(sending, &noted{r, ended}, jsonl.Location{Path: jsonl.Stdin, Run: run}, p.following(run))
	if err != nil && errors.Is(context.Cause(sending), ErrGivenUp) {
		return fmt.Errorf("%w: %v", ErrGivenUp, err)
	}
	skipped := slices.DeleteFunc(summary.Skipped, isCut)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil && len(skipped) == 0 && !p.sent[run].Ended && p.server.ahead(run) == nil {
		p.summary.Runs++
	}
	p.summary.Skipped = append(p.summary.Skipped, skipped...)
	return err
}

// isCut reports whether err means that compressed data was truncated, which [Options.Cut] handles.
func isCut(err error) bool { return errors.Is(err, jsonl.ErrCut) }

// noted calls ended at the end of the data.
type noted struct {
	io.Reader
	ended func()
}

func (n *noted) Read(p []byte) (int, error) {
	k, err := n.Reader.Read(p)
	if err != nil {
		n.ended()
	}
	return k, err
}

// sink sends growing streams.
type sink struct{ *Publication }

func (s *sink) Begin(_ context.Context, source jsonl.Location) (follow.Known, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent[source.Run], nil
}

func (s *sink) Write(ctx context.Context, source jsonl.Location, segment domain.Segment, entries []domain.Entry) error {
	if len(segment.Data) > s.MaxMessage {
		return &broker.LineTooLongError{Run: segment.Run, Offset: segment.Offset, Length: int64(len(segment.Data)), Limit: s.MaxMessage}
	}
	stats, err := s.publisher.Publish(ctx, segment)
	if err != nil {
		s.count(stats, false)
		return s.failed(segment.Run, err)
	}
	s.mu.Lock()
	known := s.sent[segment.Run]
	ended := known.Ended
	for i := range entries {
		ended = ended || entries[i].Kind == domain.RunFinished
	}
	if !segment.Tail {
		known.Mark = domain.Mark{Bytes: segment.End(), SHA256: segment.SHA256}
	}
	s.sent[segment.Run] = follow.Known{Mark: known.Mark, Stored: true, Ended: ended}
	s.mu.Unlock()
	s.count(stats, ended && !known.Ended && s.server.ahead(segment.Run) == nil)
	return nil
}

// failed returns the error of a segment that was not sent. If a server has lost what precedes it, the
// stream is sent again.
func (s *sink) failed(run domain.RunID, err error) error {
	switch refused := refusedRun(err); {
	case refused != nil:
		return refused
	case errors.As(err, new(*GapError)):
		s.mu.Lock()
		defer s.mu.Unlock()
		s.sent[run] = follow.Known{Ended: s.sent[run].Ended}
		return fmt.Errorf("%w: %w", follow.ErrLost, err)
	case errors.Is(err, context.Canceled):
		return err
	}
	return &follow.SinkError{Err: err}
}

// Derive returns the reason as an error: segments that a broker has accepted cannot be withdrawn, and
// a line that is too long cannot be left out.
func (s *sink) Derive(_ context.Context, _ jsonl.Location, reason error) (follow.Known, error) {
	return follow.Known{}, reason
}

func (s *sink) Rest(_ context.Context, _ jsonl.Location, reason error) error { return reason }

func (s *sink) Release(_ context.Context, source jsonl.Location, known follow.Known) (follow.Known, error) {
	if ahead := s.server.ahead(source.Run); ahead != nil && known.Over {
		s.skip(source, ahead)
	}
	return known, nil
}

func (s *sink) Close() error { return nil }
