package tail

import (
	"bytes"
	"io/fs"
)

// Position is where a stream was left, and what is known of its file: enough to
// read it on later, and to see whether it still is the same.
type Position struct {
	offset int64
	before []byte
	file   fs.FileInfo
}

// Offset returns that of the first byte that was not given.
func (p Position) Offset() int64 { return p.offset }

// Position returns where the stream is read on from.
func (s *Stream) Position() Position {
	return Position{s.offset, bytes.Clone(s.before), s.file}
}

// Resume has the stream read on from where it was left, maybe by another
// Stream of the same path. If the file is not the one that was read then, it has been
// rewritten.
func (s *Stream) Resume(p Position) {
	s.SetOffset(p.offset)
	s.before = append(s.before[:0], p.before...)
	s.file = p.file
}
