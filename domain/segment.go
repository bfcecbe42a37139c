package domain

import (
	"bytes"
	"crypto/sha256"
)

// Segment is a part of a run's stream, as bytes: it is sent while the stream grows, or from
// one machine to another.
type Segment struct {
	Run RunID
	// Offset is the offset of Data in the stream.
	Offset int64
	// Data are whole lines or, for a Tail, the beginning of a line. At the start of a stream
	// it may be empty: such a segment announces the run.
	Data []byte
	// Tail says that the stream ends with Data, which is a line without a line feed. Only a
	// sender that knows that the stream will not grow sets it.
	Tail bool
	// SHA256 is the digest of the stream from its start to the end of Data; zero if it is
	// not known.
	SHA256 [sha256.Size]byte
}

// End returns the offset after the last byte of Data.
func (s *Segment) End() int64 { return s.Offset + int64(len(s.Data)) }

// WholeLines returns how many bytes the first whole lines of data have: at most most, but one line if
// that is longer; 0 if no line ends in data.
func WholeLines(data []byte, most int) int {
	if n := bytes.LastIndexByte(data[:min(len(data), most)], '\n') + 1; n > 0 {
		return n
	}
	return bytes.IndexByte(data, '\n') + 1
}
