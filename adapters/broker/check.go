package broker

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"

	"github.com/quire-ci/quire-project/adapters/internal/printable"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// digest is the SHA-256 of a stream, and unknown what stands for none.
type digest = [sha256.Size]byte

var unknown digest

// check reports what is wrong with a segment, without quoting it. Both ends ask:
// what is wrong is better not sent, and what arrives may come from anyone.
func check(s *domain.Segment) error {
	if err := store.CheckRunID(s.Run); err != nil {
		return err
	}
	switch {
	case s.Offset < 0 || s.Offset > math.MaxInt64-int64(len(s.Data)):
		return errors.New("no stream has its offset")
	case len(s.Data) == 0 && (s.Offset > 0 || s.Tail || s.SHA256 != unknown && s.SHA256 != domain.StartMark.SHA256):
		return errors.New("it is empty, and not the start of a stream")
	case len(s.Data) == 0:
		return nil
	case s.Tail && bytes.IndexByte(s.Data, '\n') >= 0:
		return errors.New("it is a tail, and holds a line feed")
	case !s.Tail && s.Data[len(s.Data)-1] != '\n':
		return errors.New("it does not end with a line, and is no tail")
	}
	return nil
}

// checkAll reports the first segment that must not be sent.
func checkAll(segments []domain.Segment) error {
	for i := range segments {
		if err := check(&segments[i]); err != nil {
			return fmt.Errorf("run %s at byte %d: what is to be sent is no segment: %w", printable.Name(string(segments[i].Run)), segments[i].Offset, err)
		}
	}
	return nil
}
