package broker

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"iter"
	"slices"

	"github.com/quire-ci/quire-project/adapters/internal/printable"
	"github.com/quire-ci/quire-project/domain"
)

// DefaultSegmentBytes is the default of the maximum size of a segment: most brokers accept messages of
// 1 MiB, including headers.
const DefaultSegmentBytes = 1<<20 - 8<<10

// LineTooLongError reports a line that does not fit into a segment.
type LineTooLongError struct {
	Run domain.RunID
	// Offset is the offset of the line's first byte.
	Offset int64
	// Length is the length of the line in bytes, including its line feed.
	Length int64
	// Limit is the maximum size of a line.
	Limit int
}

func (e *LineTooLongError) Error() string {
	return fmt.Sprintf("run %s: the line at byte %d has %d bytes, and %d can be sent at once; let the broker take larger messages, or ingest the run where its store is", printable.Name(string(e.Run)), e.Offset, e.Length, e.Limit)
}

// cutter makes segments of a stream. It keeps only a digest of the bytes.
type cutter struct {
	run    domain.RunID
	limit  int // of a segment, unless one line is longer
	line   int // limit of a line
	next   int64
	digest hash.Hash
	begun  bool
}

// cut makes a segment of the next bytes of the stream.
func (c *cutter) cut(data []byte, tail bool) domain.Segment {
	segment := domain.Segment{Run: c.run, Offset: c.next, Data: data, Tail: tail}
	_, _ = c.digest.Write(data) // a hash never fails
	c.digest.Sum(segment.SHA256[:0])
	c.next, c.begun = segment.End(), true
	return segment
}

func (c *cutter) tooLong(length int64) error {
	return &LineTooLongError{Run: c.run, Offset: c.next, Length: length, Limit: c.line}
}

// wholeLines returns the size of the whole lines that fit into a segment.
func (c *cutter) wholeLines(data []byte) int {
	return domain.WholeLines(data[:min(len(data), c.line)], c.limit)
}

// Cut cuts the stream of a finished run into segments: each has as many whole lines as fit into limit
// bytes (0 means [DefaultSegmentBytes]), and a last line without a line feed is a separate segment, a
// tail. An empty stream is one empty segment. The sequence ends with the first error: a
// [*LineTooLongError], or an error of r. Segments do not share memory.
func Cut(r io.Reader, run domain.RunID, limit int) iter.Seq2[domain.Segment, error] {
	return cut(r, run, limit, limit)
}

// cut is like [Cut], with another limit for lines: a line longer than limit is a segment of its
// own.
func cut(r io.Reader, run domain.RunID, limit, line int) iter.Seq2[domain.Segment, error] {
	return func(yield func(domain.Segment, error) bool) {
		if limit <= 0 {
			limit = DefaultSegmentBytes
		}
		c := &cutter{run: run, limit: limit, line: max(limit, line), digest: sha256.New()}
		var data []byte
		var end error // the error or end of r
		for memory := firstRead; ; memory = c.limit + 1 {
			if end == nil {
				data, end = fill(r, data, memory, c.limit+1)
			}
			n := c.wholeLines(data)
			for n == 0 && end == nil && len(data) <= c.line { // the memory follows the line, not its limit
				data, end = fill(r, data, len(data), min(2*len(data), c.line+1))
				n = c.wholeLines(data)
			}
			switch {
			case n > 0:
				if !yield(c.cut(data[:n:n], false), nil) {
					return
				}
			case len(data) > c.line:
				yield(domain.Segment{}, c.tooLong(lineLength(data, r, end)))
				return
			case end != io.EOF:
				yield(domain.Segment{}, fmt.Errorf("run %s at byte %d: reading the stream: %w", printable.Name(string(run)), c.next+int64(len(data)), end))
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

// firstRead is the size of the first buffer; most streams are short.
const firstRead = 32 << 10

// fill returns rest and the bytes that follow it in r: size bytes, or fewer if r ends. The memory is
// new, because rest shares the memory of a segment.
func fill(r io.Reader, rest []byte, memory, size int) ([]byte, error) {
	data := append(make([]byte, 0, max(min(memory, size), len(rest))), rest...)
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

// lineLength returns the length of a line that begins with data and continues in r, or of its readable
// part.
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
