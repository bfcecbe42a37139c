package tail

import (
	"crypto/sha256"
	"fmt"
	"os"
)

// Pass skips the next line, which long describes, and returns the digest of the stream up to the end
// of that line.
func (s *Stream) Pass(long *LineTooLongError) (sum [sha256.Size]byte, err error) {
	s.release()
	if err := s.acquire(s.hands.ctx); err != nil {
		return sum, err
	}
	defer s.release()
	file, err := s.open()
	if err != nil {
		return sum, err
	}
	if file == nil {
		return sum, s.notThere()
	}
	defer file.Close()
	for s.offset < long.End && err == nil {
		sum, err = s.pass(file, long.End)
	}
	return sum, err
}

// pass does the work of Pass for one piece of the line.
func (s *Stream) pass(file *os.File, end int64) (sum [sha256.Size]byte, err error) {
	n := min(again, end-s.offset)
	data, err := s.load(file, n)
	switch {
	case err != nil:
		return sum, err
	case int64(len(data)) < n || s.offset+n == end && data[n-1] != '\n':
		return sum, rewritten(s.path, fmt.Sprintf("the line that ended at byte %d does not any more", end))
	}
	return s.give(data, false).SHA256, nil
}
