package store

import "github.com/quire-ci/quire-project/domain"

// Decoder makes entries of segments. It need not be safe for concurrent use.
type Decoder interface {
	// Reading names what the entries depend on besides the bytes, see [Source].
	Reading() string
	// Continues reports whether a stream can be read on with this reading that
	// was read with another one so far: that would have given the same entries.
	Continues(reading string) bool
	// Decode calls take with the entries of a segment, before which so many lines
	// of its stream stand, and returns how many lines it has itself. The stream is
	// read as reading says, which is the decoder's own or one that rows were derived
	// with. The line of a tail, which no line feed ends, need not be counted. An
	// error says that the segment is malformed.
	Decode(segment *domain.Segment, reading string, lines int64, take func(*domain.Entry)) (int64, error)
}
