package jsonl

import (
	"io"
	"sync/atomic"
)

// counter counts the bytes that are read through it, for itself and, if there
// is one, for a total.
type counter struct {
	src   io.Reader
	n     atomic.Int64
	total *atomic.Int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.src.Read(p)
	c.n.Add(int64(n))
	if c.total != nil {
		c.total.Add(int64(n))
	}
	return n, err
}
