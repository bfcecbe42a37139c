package store

import (
	"bytes"
	"crypto/sha256"
	"errors"

	"github.com/quire-ci/quire-project/domain"
)

// Decoder makes entries of segments. It need not be safe for concurrent use.
type Decoder interface {
	// ReadOptions returns the options for reading that change the entries, see [Source].
	ReadOptions() string
	// Continues reports whether a stream whose first part was read with other options can be
	// continued with those of the decoder, because both give the same entries.
	Continues(readOptions string) bool
	// Decode calls take with the entries of a segment, and returns its number of lines. lines is
	// the number of lines before it in the stream. readOptions are those of the decoder, or those
	// that the stored rows were derived with. Decode need not count the line of a tail, which has
	// no line feed. An error says that the segment is malformed.
	Decode(segment *domain.Segment, readOptions string, lines int64, take func(*domain.Entry)) (int64, error)
}

// ErrSegment is returned for a segment that is invalid whatever the stream is.
var ErrSegment = errors.New("this is no segment of a stream")

// CheckSegment returns an error if a segment is invalid independently of its stream. The error
// quotes nothing of the segment.
func CheckSegment(s *domain.Segment) error {
	if err := CheckRunID(s.Run); err != nil {
		return err
	}
	switch feed := bytes.LastIndexByte(s.Data, '\n'); {
	case s.Offset < 0 || s.End() < s.Offset:
		return errors.New("it cannot begin at its offset")
	case len(s.Data) == 0 && (s.Offset > 0 || s.Tail || s.SHA256 != [sha256.Size]byte{} && s.SHA256 != domain.StartMark.SHA256):
		return errors.New("it is empty, and not the start of a stream")
	case len(s.Data) == 0:
		return nil
	case s.Tail && feed >= 0:
		return errors.New("a tail has no line feed")
	case !s.Tail && feed != len(s.Data)-1:
		return errors.New("its last line has no line feed")
	}
	return nil
}
