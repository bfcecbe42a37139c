package follow

import (
	"context"
	"errors"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// Sink receives the segments of runs. Several goroutines call its methods at once, but for each run,
// one call at a time. An error is about one run, whose stream is then skipped, unless it is a
// [*SinkError].
type Sink interface {
	// Begin returns what the sink has of a run whose stream is about to be read from its start.
	Begin(ctx context.Context, source jsonl.Location) (Known, error)
	// Write stores a segment that continues what the sink has. The segment may be empty, for a run
	// without lines. entries are the entries of the segment; Write must keep neither them nor the
	// segment's data. The error is [ErrStale] if the sink has something else of the run, and [ErrLost]
	// if it has less than before: then the stream is read again from its start.
	Write(ctx context.Context, source jsonl.Location, segment domain.Segment, entries []domain.Entry) error
	// Derive makes the sink read the whole lines of the stream by itself, because segments cannot
	// continue what it has: the reason is an error that wraps [tail.ErrRewritten] or [ErrStale], if
	// the sink has another stream of the run, or a [*tail.LineTooLongError]. A sink that cannot do
	// that returns the reason.
	Derive(ctx context.Context, source jsonl.Location, reason error) (Known, error)
	// Rest is Derive for a stream that has ended, including a last line without a line feed.
	Rest(ctx context.Context, source jsonl.Location, reason error) error
	// Release says that no segments of the run are expected soon or, if ctx is done, that following
	// was interrupted. It returns what the sink then has of the run.
	Release(ctx context.Context, source jsonl.Location, known Known) (Known, error)
	// Close is called last, after all other calls have returned.
	Close() error
}

// Known describes what a sink has of a run.
type Known struct {
	// Mark is the position up to which the sink has the stream. Its digest is compared with the
	// stream.
	domain.Mark
	// Stored is set if the sink has the run, even without lines. Other is set if segments cannot
	// continue what it has.
	Stored, Other bool
	// Over is set for Release if the stream counts as ended: all of it was read, and no more is
	// expected.
	Over bool
	// Ended and State are the run's state; State is "" if the sink does not know it.
	Ended bool
	State projections.State
}

// ErrStale reports that a segment does not continue what the sink has of its run.
var ErrStale = errors.New("the segment does not continue the run")

// ErrLost reports that a sink no longer has the beginning of a run.
var ErrLost = errors.New("the part before the segment was lost")

// SinkError is an error of a sink that ends following, because it is not about one run alone.
type SinkError struct{ Err error }

func (e *SinkError) Error() string { return e.Err.Error() }
func (e *SinkError) Unwrap() error { return e.Err }
