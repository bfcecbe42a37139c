package tail

import (
	"math/bits"
	"sync"
)

// Buffer sizes are powers of two, so that a reader that keeps the buffer of a short chunk keeps a
// short buffer.
const (
	smallest = 12 // 4 KiB
	largest  = 21 // 2 MiB; a larger buffer holds a single long line, and is not pooled
)

var buffers [largest + 1]sync.Pool

// buffer returns a buffer of n bytes. Its contents are undefined.
func buffer(n int) *[]byte {
	class := max(bits.Len(uint(n-1)), smallest)
	if class > largest {
		b := make([]byte, n)
		return &b
	}
	b, ok := buffers[class].Get().(*[]byte)
	if !ok {
		b = new([]byte)
		*b = make([]byte, 1<<class)
	}
	*b = (*b)[:n]
	return b
}

// free takes a buffer back.
func free(b *[]byte) {
	class := bits.Len(uint(cap(*b) - 1))
	if class <= largest {
		buffers[class].Put(b)
	}
}
