package broker

import (
	"bytes"
	"crypto/sha256"
	"errors"
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
	// Limit is the maximum size of a segment.
	Limit int
}

func (e *LineTooLongError) Error() string {
	return fmt.Sprintf("run %s: the line at byte %d has %d bytes, and a message takes %d; let the broker take larger messages, or ingest the run without it", printable.Name(string(e.Run)), e.Offset, e.Length, e.Limit)
}

// Cutter cuts a stream that arrives in pieces into segments. It keeps only a digest of the bytes.
type Cutter struct {
	run    domain.RunID
	limit  int
	next   int64
	digest hash.Hash // nil if the start of the stream was not seen
	begun  bool
	ended  bool
}

// NewCutter returns a cutter for the stream of a run. limit is the maximum size of a segment in bytes;
// 0 means [DefaultSegmentBytes].
func NewCutter(run domain.RunID, limit int) *Cutter {
	if limit <= 0 {
		limit = DefaultSegmentBytes
	}
	return &Cutter{run: run, limit: limit, digest: sha256.New()}
}

// Add cuts whole lines into segments, which share the memory of lines. The first call may start
// anywhere in the stream; if it does not start at the beginning, the segments have no digests. Each
// further call must continue where the previous one ended. If a line is too long, Add returns the
// segments before it with the error.
func (c *Cutter) Add(offset int64, lines []byte) ([]domain.Segment, error) {
	if len(lines) == 0 {
		return nil, nil
	}
	if lines[len(lines)-1] != '\n' {
		return nil, c.wrong(offset, errors.New("what is to be cut does not end with a line"))
	}
	if err := c.moveTo(offset); err != nil {
		return nil, err
	}
	var segments []domain.Segment
	for len(lines) > 0 {
		n := wholeLines(lines, c.limit)
		if n == 0 {
			return segments, c.tooLong(int64(bytes.IndexByte(lines, '\n')) + 1)
		}
		segments = append(segments, c.cut(lines[:n:n], false))
		lines = lines[n:]
	}
	return segments, nil
}

// Tail returns the segment of the last line of a stream, which has no line feed.
func (c *Cutter) Tail(offset int64, line []byte) (domain.Segment, error) {
	if len(line) == 0 || bytes.IndexByte(line, '\n') >= 0 {
		return domain.Segment{}, c.wrong(offset, errors.New("a tail is one line that no line feed ends"))
	}
	if err := c.moveTo(offset); err != nil {
		return domain.Segment{}, err
	}
	if len(line) > c.limit {
		return domain.Segment{}, c.tooLong(int64(len(line)))
	}
	return c.cut(line, true), nil
}

// moveTo checks that no bytes are missing before offset.
func (c *Cutter) moveTo(offset int64) error {
	switch {
	case c.ended:
		return c.wrong(offset, errors.New("the stream has ended with its tail"))
	case c.begun && offset != c.next:
		return c.wrong(offset, fmt.Errorf("the stream goes on at byte %d", c.next))
	case offset != c.next:
		c.next, c.digest = offset, nil
	}
	c.begun = true
	return nil
}

// cut makes a segment of the next bytes of the stream.
func (c *Cutter) cut(data []byte, tail bool) domain.Segment {
	segment := domain.Segment{Run: c.run, Offset: c.next, Data: data, Tail: tail}
	if c.digest != nil {
		c.digest.Write(data)
		c.digest.Sum(segment.SHA256[:0])
	}
	c.next, c.begun, c.ended = segment.End(), true, tail
	return segment
}

func (c *Cutter) tooLong(length int64) error {
	return &LineTooLongError{Run: c.run, Offset: c.next, Length: length, Limit: c.limit}
}

func (c *Cutter) wrong(offset int64, err error) error {
	return fmt.Errorf("run %s at byte %d: %w", printable.Name(string(c.run)), offset, err)
}

// wholeLines returns the size of the whole lines that fit into limit.
func wholeLines(data []byte, limit int) int {
	return bytes.LastIndexByte(data[:min(len(data), limit)], '\n') + 1
}

// Cut cuts the stream of a finished run into segments: each has as many whole lines as fit into limit
// bytes (0 means [DefaultSegmentBytes]), and a last line without a line feed is a separate segment, a
// tail. An empty stream is one empty segment. The sequence ends with the first error: a
// [*LineTooLongError], or an error of r. Segments do not share memory.
func Cut(r io.Reader, run domain.RunID, limit int) iter.Seq2[domain.Segment, error] {
	return func(yield func(domain.Segment, error) bool) {
		c := NewCutter(run, limit)
		var data []byte
		var end error // the error or end of r
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

// firstRead is the size of the first buffer; most streams are short.
const firstRead = 32 << 10

// fill returns rest and the bytes that follow it in r: size bytes, or fewer if r ends. The memory is
// new, because rest shares the memory of a segment.
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
