package tail

import (
	"io/fs"
)

// Position is where a stream was left, and what is known of its file: enough to
// read it on later, and to see whether it still is the same. It is small.
type Position struct {
	from, offset int64
	digest       uint64 // of what is between
	file         fs.FileInfo
}

// Offset returns that of the first byte that was not given.
func (p Position) Offset() int64 { return p.offset }

// Position returns where the stream is read on from.
func (s *Stream) Position() Position {
	return Position{s.from, s.offset, s.given.Sum64(), s.file}
}

// Resume has the stream read on from where it was left, maybe by another
// Stream of the same path. If the file is not the one that was read then, or what was read
// of it is not in it any more, it has been rewritten.
func (s *Stream) Resume(p Position) {
	s.SetOffset(p.offset)
	s.before = s.before[:0]
	s.from, s.file, s.left, s.resumed = p.from, p.file, p.digest, true
}

// Replay has the stream read from its start once more, up to where it was left and on. A
// chunk ends there; if it is not what was read then, the file has been rewritten.
func (s *Stream) Replay(p Position) {
	s.SetOffset(0)
	s.file, s.least, s.replay = p.file, p.offset, p
}

// Holds reports whether the file holds what was read of it up to where it was left,
// and nothing more: then there is nothing to do. That is not known where something was
// left out.
func (s *Stream) Holds(p Position) bool {
	s.Resume(p)
	there, err := s.look()
	if p.from > 0 || !there || err != nil || s.seen.Size() != p.offset || s.verify() != nil || s.gone || s.verified.Size() != p.offset {
		return false
	}
	s.confirmed = true
	return true
}

// replayed compares what was given with what was given before, if it is as much.
func (s *Stream) replayed() error {
	p := s.replay
	if p.offset == 0 || s.offset < p.offset {
		return nil
	}
	s.replay = Position{}
	if s.offset != p.offset || p.from == 0 && s.given.Sum64() != p.digest {
		return rewritten(s.path, "what was read is not there any more")
	}
	return nil
}
