package store

import (
	"context"
	"iter"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// Source is the stream of one run, wherever it is kept.
type Source interface {
	// Run returns the id of the run that the stream records.
	Run() domain.RunID
	// Name says where the stream is. It is the same for the same place.
	Name() string
	// Reading names what the events depend on besides the stream's bytes. Two
	// sources with the same bytes and the same Reading have the same entries.
	Reading() string
	// As returns the source as it is to be read for a run whose rows were derived with
	// another Reading, which it may keep to: mostly, the source itself.
	As(reading string) Source
	// Once reports that the stream can be opened only once, as a pipe can.
	Once() bool
	// Ends reports whether the stream is exactly what end was taken of. It
	// may say no for a stream of which that cannot be known without opening it.
	Ends(ctx context.Context, end domain.Mark) (bool, error)
	// Open opens the stream, from its start. The context ends it. The stream
	// will tell whether it begins with what known was taken of.
	Open(ctx context.Context, known domain.Mark) (Stream, error)
	// OpenUntil opens the stream as it was when end was taken of it: the Stream ends
	// there, whatever has been added since, also within a line. A stream that does not
	// begin with what end was taken of is opened as a whole.
	OpenUntil(ctx context.Context, end domain.Mark) (Stream, error)
}

// Stream is a stream that has been opened.
type Stream interface {
	projections.Stream
	// Continues reports whether the stream begins with what Open was told
	// of. It is known once an entry behind that, or io.EOF, was given.
	Continues() bool
	// Mark returns how far whole lines reach, and End how far the stream
	// does. They are known once io.EOF was given.
	Mark() domain.Mark
	End() domain.Mark
	// Digest returns the state of the SHA-256 in Mark, as crypto/sha256 marshals
	// it. It is known when Mark is.
	Digest() ([]byte, error)
	// More reports whether the stream has more behind the end that OpenUntil was given.
	// It is known once io.EOF was given.
	More() bool
	// Close ends the reading.
	Close() error
}

// Sources are the streams of many runs.
type Sources interface {
	// All yields the streams, in an order that does not change. What cannot
	// be read is yielded as an error, and does not end the sequence; so is the
	// second stream of a run, see [Distinct].
	All() iter.Seq2[Source, error]
}
