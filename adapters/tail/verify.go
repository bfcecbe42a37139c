package tail

import (
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"math"
	"sync"
	"time"
)

const (
	// checkPiece is how many bytes are compared before the stream is checked for new lines.
	checkPiece = 1 << 20
	// checkShare is the ratio of the pause after a comparison to its duration.
	checkShare = 100
	// checkPause is the minimum time between the starts of comparisons.
	checkPause = time.Millisecond
)

// check compares the returned part of a stream with its file, piece by piece.
type check struct {
	file    state // the state when the check began
	at, end int64
	digest  [sha256.Size]byte // of the returned bytes up to end
	read    hash.Hash
}

// clean reports whether the file, in its latest known state, is known to contain the returned
// bytes.
func (s *Stream) clean() bool {
	return s.offset == 0 || s.verified.FileInfo != nil && s.verified.sure && !changed(s.verified.FileInfo, s.seen.FileInfo)
}

// inspect compares a piece of the returned bytes with the file, if the file has changed and a
// comparison is due. Otherwise it returns the time until the next one.
func (s *Stream) inspect(ctx context.Context) (time.Duration, error) {
	switch {
	case s.gone || s.clean():
		s.due = time.Time{}
		return math.MaxInt64, nil
	case s.due.IsZero():
		s.due = s.hands.checks.reserve()
		if s.verified.FileInfo != nil && !changed(s.verified.FileInfo, s.seen.FileInfo) { // the file may have changed within one tick
			s.due = later(s.due, changedAt(s.seen.FileInfo).Add(s.options.tick))
		}
	}
	if pause := time.Until(s.due); pause > 0 {
		return pause, nil
	}
	if err := s.acquire(ctx); err != nil {
		return 0, err
	}
	defer s.release()
	s.due = time.Time{}
	began := time.Now()
	_, err := s.compareOn()
	s.hands.checks.took(time.Since(began))
	return 0, err
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// verify compares everything that was returned with the file, in one go.
func (s *Stream) verify() error {
	s.check = nil
	for !s.clean() {
		if !s.acquired {
			if err := s.acquire(s.hands.ctx); err != nil {
				return err
			}
			defer s.release()
		}
		if done, err := s.compareOn(); done || err != nil {
			return err
		}
	}
	return nil
}

// compareOn compares the next piece. It reports whether no piece, or no file, is left.
func (s *Stream) compareOn() (done bool, err error) {
	file, err := s.open()
	if file == nil {
		return true, err
	}
	defer file.Close()
	if s.check == nil {
		s.check = &check{file: s.seen, end: s.offset, digest: [sha256.Size]byte(s.given.Sum(nil)), read: sha256.New()}
	}
	c := s.check
	piece := buffer(int(min(checkPiece, c.end-c.at)))
	defer free(piece)
	n, err := file.ReadAt(*piece, c.at)
	if err != nil && !errors.Is(err, io.EOF) {
		return true, readFailed(s.path, c.at, err)
	}
	_, _ = c.read.Write((*piece)[:n]) // a hash never fails
	c.at += int64(n)
	if c.at < c.end && n > 0 {
		return false, nil
	}
	s.check = nil
	if c.at < c.end || [sha256.Size]byte(c.read.Sum(nil)) != c.digest {
		return true, rewritten(s.path, "what was read is not there any more")
	}
	s.verified = c.file
	return true, nil
}

// checks limits the share of time spent on comparisons, however many streams there are and however
// long they are.
type checks struct {
	mu   sync.Mutex
	next time.Time
}

// reserve returns the time at which the caller may compare.
func (c *checks) reserve() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := later(c.next, time.Now())
	c.next = at.Add(checkPause)
	return at
}

// took records how long a comparison took.
func (c *checks) took(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next = later(c.next, time.Now()).Add(checkShare * d)
}
