package store

import "github.com/quire-ci/quire-project/domain"

// Decoder makes entries of segments. It need not be safe for concurrent use.
type Decoder interface {
	// Reading names what the entries depend on besides the bytes, see [Source].
	Reading() string
	// Decode calls take with the entries of a segment, before which so many lines
	// of its stream stand, and returns how many lines it has itself. The line of a
	// tail, which no line feed ends, need not be counted. An error says that the
	// segment is malformed.
	Decode(segment *domain.Segment, lines int64, take func(*domain.Entry)) (int64, error)
}
