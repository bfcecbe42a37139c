package tail

import (
	"fmt"
	"io"
	"os"
)

// Pass reads past the next line, of which long has told, and writes it to w in pieces.
func (s *Stream) Pass(long *LineTooLongError, w io.Writer) error {
	s.release()
	if err := s.hold(s.hands.ctx); err != nil {
		return err
	}
	defer s.release()
	file, err := s.open()
	if err != nil {
		return err
	}
	if file == nil {
		return s.notThere()
	}
	defer file.Close()
	for s.offset < long.End && err == nil {
		err = s.pass(file, long.End, w)
	}
	return err
}

// pass is Pass for one piece.
func (s *Stream) pass(file *os.File, end int64, w io.Writer) error {
	n := min(again, end-s.offset)
	data, err := s.load(file, n)
	switch {
	case err != nil:
		return err
	case int64(len(data)) < n || s.offset+n == end && data[n-1] != '\n':
		return rewritten(s.path, fmt.Sprintf("the line that ended at byte %d does not any more", end))
	}
	_, err = w.Write(data)
	s.give(data, false)
	return err
}
