package main

import (
	"errors"
	"math"

	"github.com/dustin/go-humanize"
)

// size is a flag that is a number of bytes, such as 16MiB.
type size int64

// minSize leaves room for the line that says that a log is full.
const minSize = 1 << 10

func (s *size) Set(text string) error {
	n, err := humanize.ParseBytes(text)
	if err != nil || n < minSize || n > math.MaxInt64 {
		return errors.New("give a number of bytes, at least 1KiB, as in 1048576, 500kB or 16MiB")
	}
	*s = size(n)
	return nil
}

func (s *size) String() string { return humanize.IBytes(uint64(*s)) }
func (s *size) Type() string   { return "size" }
