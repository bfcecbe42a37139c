package domain

import "crypto/sha256"

// Segment is some of a run's stream, as its bytes stand there: what is handed
// on while the stream grows, or from one machine to another.
type Segment struct {
	Run RunID
	// Offset is that of the first byte of Data in the stream.
	Offset int64
	// Data are whole lines or, for a Tail, the beginning of one. At the start of a
	// stream it may be empty: then the segment says that there is the run.
	Data []byte
	// Tail says that the stream ends with Data, which is a line that no line
	// feed ends. It is sent by whoever knows that nothing will be added.
	Tail bool
	// SHA256 is the digest of the stream from its start to the end of Data;
	// zero where that is not known.
	SHA256 [sha256.Size]byte
}

// End returns the offset behind the last byte of Data.
func (s *Segment) End() int64 { return s.Offset + int64(len(s.Data)) }
