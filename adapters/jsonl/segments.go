package jsonl

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/quire-ci/quire-project/domain"
)

// Segments decodes segments of streams: it is a store.Decoder. It is not safe
// for concurrent use.
type Segments struct {
	options Options
	reader  *Reader // used again: most segments are short
}

// NewSegments returns what decodes segments as options say.
func NewSegments(options Options) *Segments {
	return &Segments{options: options, reader: NewReader(nil, options)}
}

// Reading says how the segments are read.
func (s *Segments) Reading() string { return s.options.reading() }

// Decode calls take with the entries of a segment, before which so many lines
// of its stream stand, and returns how many lines it has itself.
func (s *Segments) Decode(segment *domain.Segment, lines int64, take func(*domain.Entry)) (int64, error) {
	r := s.reader
	r.again(bytes.NewReader(segment.Data), domain.Position{Line: lines, Offset: segment.Offset})
	r.options.Name = fmt.Sprintf("run %s", printable(string(segment.Run)))
	for {
		entries, err := r.Next()
		for i := range entries {
			take(&entries[i])
		}
		if errors.Is(err, io.EOF) {
			return r.line - lines, nil
		}
		if err != nil {
			return 0, err
		}
	}
}

// again makes the reader one of another source.
func (r *Reader) again(src io.Reader, start domain.Position) {
	*r = Reader{src: src, options: r.options, text: r.text, buf: r.buf, batch: r.batch, line: start.Line, offset: start.Offset}
	if len(r.buf) > maxBuffer { // a long line made it grow
		r.buf = make([]byte, minBuffer)
	}
}
