package flags

import (
	"errors"
	"fmt"
	"math"

	"github.com/dustin/go-humanize"
)

// Size is a flag that is a number of bytes as people write it: 4096, 1k or 500kB, which
// are powers of 1000, and 16MiB, which is one of 1024.
type Size struct {
	Bytes int64
	// Min is the least that makes sense, at least 1.
	Min int64
}

// Set reads a size.
func (s *Size) Set(text string) error {
	n, err := humanize.ParseBytes(text)
	switch {
	case err != nil, n > math.MaxInt64:
		return errors.New("takes a number of bytes, as in 1048576, 500kB or 16MiB")
	case n < uint64(max(s.Min, 1)):
		return fmt.Errorf("takes at least %s", humanize.IBytes(uint64(max(s.Min, 1))))
	}
	s.Bytes = int64(n)
	return nil
}

// String writes a size for people.
func (s *Size) String() string { return humanize.IBytes(uint64(s.Bytes)) }

// Type returns what help calls a size.
func (s *Size) Type() string { return "size" }

// Int returns the size as an int, or the largest one there is.
func (s *Size) Int() int { return int(min(s.Bytes, math.MaxInt)) }
