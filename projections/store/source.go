package store

import (
	"context"
	"fmt"
	"iter"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// Source is the stream of one run, wherever it is stored.
type Source interface {
	// Run returns the id of the run that the stream records.
	Run() domain.RunID
	// Name says where the stream is. The same place has the same name.
	Name() string
	// ReadOptions returns the options for reading that change the entries of the stream, as a
	// text for checkpoints: sources with the same bytes and options have the same entries.
	ReadOptions() string
	// As returns the source to use for a run whose rows were derived with other options: one
	// with these options, or the source itself.
	As(readOptions string) Source
	// Once reports that the stream can be opened only once, as a pipe can.
	Once() bool
	// Ends reports whether the stream is exactly what end was taken of. It may report false
	// if that cannot be known without opening the stream.
	Ends(ctx context.Context, end domain.Mark) (bool, error)
	// Open opens the stream, from its start. The context ends it. The Stream reports whether
	// it begins with what known was taken of.
	Open(ctx context.Context, known domain.Mark) (Stream, error)
	// OpenUntil opens the stream as it was when end was taken of it: the Stream ends there,
	// even within a line, whatever was added since. If the stream does not begin with what
	// end was taken of, all of it is opened.
	OpenUntil(ctx context.Context, end domain.Mark) (Stream, error)
}

// Stream is a stream that has been opened.
type Stream interface {
	projections.Stream
	// Tee makes the stream call take with its bytes, in order, before Next returns the entries
	// of the lines that they end. Call it before the first Next. take is called on any
	// goroutine, but no longer after Next has returned io.EOF.
	Tee(take func([]byte))
	// Continues reports whether the stream begins with the bytes of Open's mark. The answer is
	// known once Next has returned an entry after the mark, or io.EOF.
	Continues() bool
	// Mark returns how far whole lines reach, and End how far the stream does. They are
	// known once Next has returned io.EOF.
	Mark() domain.Mark
	End() domain.Mark
	// Digest returns the state of the SHA-256 in Mark, as crypto/sha256 marshals
	// it. It is known when Mark is.
	Digest() ([]byte, error)
	// More reports whether the stream continues after the end passed to OpenUntil. The answer is
	// known once Next has returned io.EOF.
	More() bool
	// Close ends the reading.
	Close() error
}

// Sources are the streams of many runs.
type Sources interface {
	// All yields the streams, always in the same order. A stream that cannot be read, or is
	// the second one of its run (see [Distinct]), comes with an error, which does not end
	// the sequence.
	All() iter.Seq2[Source, error]
}

// Pages yields runs, at most size at a time, that list returns as [Store.RunIDs] and [Store.Outdated] do.
// An error ends the sequence.
func Pages(ctx context.Context, size int, list func(ctx context.Context, after domain.RunID, limit int) ([]domain.RunID, error)) iter.Seq2[[]domain.RunID, error] {
	return func(yield func([]domain.RunID, error) bool) {
		for after := domain.RunID(""); ; {
			page, err := list(ctx, after, size)
			if err == nil && len(page) == 0 {
				return
			}
			if err == nil {
				after = page[len(page)-1]
			}
			if !yield(page, err) || err != nil {
				return
			}
		}
	}
}

// sources are streams in a list.
type sources []Source

// All yields the streams.
func (s sources) All() iter.Seq2[Source, error] { return each(s) }

// Single returns the sources that consist of one.
func Single(source Source) Sources { return sources{source} }

// Distinct yields streams. The second stream of a run comes with a *[DuplicateError]. names
// returns the id of a stream's run, and where the stream is.
func Distinct[S any](streams iter.Seq2[S, error], names func(S) (domain.RunID, string)) iter.Seq2[S, error] {
	return func(yield func(S, error) bool) {
		first := map[domain.RunID]string{}
		for stream, err := range streams {
			if err == nil {
				run, name := names(stream)
				if taken, ok := first[run]; ok {
					err = &DuplicateError{run, name, taken}
				} else {
					first[run] = name
				}
			}
			if !yield(stream, err) {
				return
			}
		}
	}
}

// DuplicateError says that two streams have the same run id.
type DuplicateError struct {
	Run domain.RunID
	// Name is the stream that was not used, Taken the one that was.
	Name, Taken string
}

func (e *DuplicateError) Error() string {
	if e.Name == e.Taken {
		return fmt.Sprintf("%s: this stream is named twice; it was used once", e.Name)
	}
	return fmt.Sprintf("%s: has the same run id as %s, which was used; rename one of them", e.Name, e.Taken)
}
