package report

import "io"

// behind writes on a goroutine of its own, so that what comes next is encoded
// meanwhile. Two buffers go back and forth.
type behind struct {
	full  chan []byte
	empty chan written
}

// written is a buffer that can be filled again, and what writing it gave.
type written struct {
	buffer []byte
	err    error
}

func newBehind(out io.Writer) *behind {
	b := &behind{full: make(chan []byte), empty: make(chan written, 1)}
	b.empty <- written{}
	go func() {
		defer close(b.empty)
		for buffer := range b.full {
			_, err := out.Write(buffer)
			b.empty <- written{buffer[:0], err}
		}
	}()
	return b
}

// write gives full away to be written, and returns an empty buffer and what
// the write before this one gave. After an error, nothing more may be written.
func (b *behind) write(full []byte) (empty []byte, err error) {
	last := <-b.empty
	if last.err != nil {
		b.empty <- last
		return full, last.err
	}
	b.full <- full
	return last.buffer, nil
}

// close waits until all has been written.
func (b *behind) close() error {
	last := <-b.empty
	close(b.full)
	return last.err
}
