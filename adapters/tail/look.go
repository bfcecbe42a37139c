package tail

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/quire-ci/quire-project/adapters/internal/printable"
)

// look checks the file and reports whether it exists.
func (s *Stream) look() (bool, error) {
	info, err := os.Stat(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.miss()
		return false, nil
	case err != nil:
		return false, printable.Error(err)
	}
	return true, s.compare(info)
}

// open opens the file, or returns nil if it no longer exists.
func (s *Stream) open() (*os.File, error) {
	file, err := os.Open(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		s.miss()
		return nil, nil
	} else if err != nil {
		return nil, printable.Error(err)
	}
	info, err := file.Stat()
	if err == nil {
		err = s.compare(info)
	}
	if err == nil && s.offset == 0 && s.options.Head != nil {
		err = s.head(file)
	}
	if err != nil {
		_ = file.Close() // the first error is the one to report
		return nil, printable.Error(err)
	}
	return file, nil
}

// compare checks that the file is still the one that was read. Before anything was read, any file is
// accepted.
func (s *Stream) compare(info fs.FileInfo) error {
	if s.seen.FileInfo == nil || s.seen.Size() != info.Size() {
		s.pause, s.active = s.options.Poll, time.Now()
	}
	s.seen = stateOf(info, s.options.tick)
	same := s.file != nil && !s.gone && os.SameFile(s.file, info)
	switch {
	case !info.Mode().IsRegular():
		return notRegular(s.path)
	case s.file != nil && !same && max(s.offset, s.least) > 0:
		return rewritten(s.path, "another one has taken its place")
	case info.Size() < max(s.offset, s.least):
		return rewritten(s.path, fmt.Sprintf("it has %d bytes, and %d were read", info.Size(), max(s.offset, s.least)))
	}
	if !same || info.Size() < s.scanned {
		s.scanned = s.offset
	}
	s.file, s.gone = info, false
	if s.offset == 0 {
		s.verified = s.seen
	}
	return nil
}

// head passes the first bytes of the file to [Options.Head].
func (s *Stream) head(file *os.File) error {
	var first [4]byte
	n, err := file.ReadAt(first[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return readFailed(s.path, 0, err)
	}
	return s.options.Head(s.path, first[:n])
}
