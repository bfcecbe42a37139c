package jsonl

import (
	"io"
	"sync/atomic"
)

// counter counts the bytes that are read through it.
type counter struct {
	src io.Reader
	n   atomic.Int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.src.Read(p)
	c.n.Add(int64(n))
	return n, err
}
