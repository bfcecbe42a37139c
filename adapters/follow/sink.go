package follow

import (
	"context"
	"errors"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// Sink takes the segments of runs. Its methods are called by several goroutines at once, but for
// one run by one at a time. An error is about the one run, whose stream is then skipped, unless it
// is a [*SinkError].
type Sink interface {
	// Begin returns what the sink has of a run, whose stream is read from its start.
	Begin(ctx context.Context, source jsonl.Location) (Known, error)
	// Write takes a segment that continues what the sink has; it may be an empty one, of a run that
	// has no line yet. entries are those of the segment. They must not be kept, nor the segment's data.
	// The error is [ErrStale] if the sink has something else of the run.
	Write(ctx context.Context, source jsonl.Location, segment domain.Segment, entries []domain.Entry) error
	// Derive brings the sink up to the whole lines of the stream by itself, because segments cannot:
	// the reason is an error that wraps [tail.ErrRewritten] or [ErrStale], if the sink has another
	// stream of the run, or a [*tail.LineTooLongError]. A sink that cannot do that returns the reason.
	Derive(ctx context.Context, source jsonl.Location, reason error) (Known, error)
	// Rest is Derive up to the end of a stream that has ended, with a last line without a line feed.
	Rest(ctx context.Context, source jsonl.Location, reason error) error
	// Release says that a run will not go on soon or, if ctx is done, that following was interrupted.
	// It returns what the sink has of the run then.
	Release(ctx context.Context, source jsonl.Location, known Known) (Known, error)
	// Close ends the work, once no other method is called any more.
	Close() error
}

// Known is what a sink has of a run.
type Known struct {
	// Mark is how far it has the stream. What is read is compared with its digest.
	domain.Mark
	// Stored says that the sink has the run, even if it has no line of it, and Other that segments
	// cannot continue what it has.
	Stored, Other bool
	// Ended and State say how the run stands; State is "" if the sink does not know.
	Ended bool
	State projections.State
}

// ErrStale says that a segment does not continue what the sink has of its run.
var ErrStale = errors.New("the segment does not continue what is known of the run")

// SinkError is an error of a sink that ends following, because it is not about one run alone.
type SinkError struct{ Err error }

func (e *SinkError) Error() string { return e.Err.Error() }
func (e *SinkError) Unwrap() error { return e.Err }
