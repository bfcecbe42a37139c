package broker

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/quire-ci/quire-project/domain"
)

// Cut cuts a stream that is finished into segments: each has as many whole lines
// as fit into limit bytes (0 means [DefaultSegmentBytes]), and a last line without a line
// feed is a segment of its own, a tail. A stream that holds nothing is one empty segment. The sequence ends with the first error: a
// [*LineTooLongError], or that of r. Each segment has memory of its own.
func Cut(r io.Reader, run domain.RunID, limit int) iter.Seq2[domain.Segment, error] {
	return func(yield func(domain.Segment, error) bool) {
		c := NewCutter(run, limit)
		var data []byte
		var end error // of r
		for memory := firstRead; ; memory = c.limit + 1 {
			if end == nil {
				data, end = fill(r, data, memory, c.limit+1)
			}
			n := wholeLines(data, c.limit)
			switch {
			case n > 0:
				if !yield(c.cut(data[:n:n], false), nil) {
					return
				}
			case len(data) > c.limit:
				yield(domain.Segment{}, c.tooLong(lineLength(data, r, end)))
				return
			case end != io.EOF:
				yield(domain.Segment{}, c.wrong(c.next+int64(len(data)), fmt.Errorf("reading the stream: %w", end)))
				return
			default:
				if len(data) > 0 || !c.begun {
					yield(c.cut(data, len(data) > 0), nil)
				}
				return
			}
			data = data[n:]
		}
	}
}

// firstRead is the memory that reading a stream begins with; most are short.
const firstRead = 32 << 10

// fill returns rest and what follows it in r, size bytes of it unless r ends. The
// memory is new, since rest stands in that of a segment.
func fill(r io.Reader, rest []byte, memory, size int) ([]byte, error) {
	data := append(make([]byte, 0, min(memory, size)), rest...)
	for idle := 0; len(data) < size; {
		if len(data) == cap(data) {
			data = slices.Grow(data, min(7*len(data), size-len(data)))
		}
		n, err := r.Read(data[len(data):min(size, cap(data))])
		data = data[:len(data)+n]
		if err != nil {
			return data, err
		}
		if idle++; n > 0 {
			idle = 0
		} else if idle == 100 {
			return data, io.ErrNoProgress
		}
	}
	return data, nil
}

// lineLength counts the bytes of a line that begins with data and goes on in r,
// as far as it can be read.
func lineLength(data []byte, r io.Reader, end error) int64 {
	for length := int64(0); ; {
		if i := bytes.IndexByte(data, '\n'); i >= 0 {
			return length + int64(i) + 1
		}
		length += int64(len(data))
		if end != nil {
			return length
		}
		data, end = fill(r, nil, firstRead, firstRead)
	}
}
