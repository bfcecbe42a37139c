package tail

import (
	"math/bits"
	"sync"
)

// Buffers have sizes of powers of two, so that one that a reader holds while
// it does something with a short chunk is short too.
const (
	smallest = 12 // 4 KiB
	largest  = 21 // 2 MiB; what is longer is a line that is, and is not kept
)

var buffers [largest + 1]sync.Pool

// buffer returns one of n bytes, which may hold anything.
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
