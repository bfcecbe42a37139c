package jsonl

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"

	"github.com/quire-ci/quire-project/adapters/internal/printable"
	"github.com/quire-ci/quire-project/domain"
)

// Segments decodes segments of streams. It is a store.Decoder, and not safe for
// concurrent use.
type Segments struct {
	options     Options
	readOptions string
	reader      *Reader // used again: most segments are short
}

// NewSegments returns a decoder of segments.
func NewSegments(options Options) *Segments {
	return &Segments{options: options, readOptions: options.text(), reader: NewReader(nil, options)}
}

// ReadOptions returns the options that segments are read with, as a text for checkpoints.
func (s *Segments) ReadOptions() string { return s.readOptions }

// Continues reports whether the first part of a stream, which was read with the options in
// readOptions, has the same entries with those of s: no line was skipped, and none is longer.
func (s *Segments) Continues(readOptions string) bool {
	before, err := parseReadOptions(readOptions)
	return err == nil && (readOptions == s.readOptions || before.OnMalformed != Skip && before.MaxLine <= cmp.Or(s.options.MaxLine, DefaultMaxLine))
}

// Decode calls take with each entry of a segment, and returns how many lines the segment
// has. lines is the number of lines of the stream before it.
func (s *Segments) Decode(segment *domain.Segment, readOptions string, lines int64, take func(*domain.Entry)) (int64, error) {
	options := s.options
	if readOptions != s.readOptions {
		var err error
		if options, err = parseReadOptions(readOptions); err != nil {
			return 0, err
		}
	}
	r := s.reader
	r.again(bytes.NewReader(segment.Data), domain.Position{Line: lines, Offset: segment.Offset})
	r.options.OnMalformed, r.options.MaxLine = options.OnMalformed, cmp.Or(options.MaxLine, DefaultMaxLine)
	r.options.Name = "run " + printable.Name(string(segment.Run))
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

// parseReadOptions is the inverse of [Options.text].
func parseReadOptions(readOptions string) (Options, error) {
	var malformed string
	var options Options
	if _, err := fmt.Sscanf(readOptions, "on-malformed=%s max-line=%d", &malformed, &options.MaxLine); err != nil {
		return options, fmt.Errorf("the rows were derived with read options that this program does not know (%s); use the program that derived them", printable.Name(readOptions))
	}
	if malformed == "skip" {
		options.OnMalformed = Skip
	}
	return options, nil
}

// again makes the reader read another source.
func (r *Reader) again(src io.Reader, start domain.Position) {
	*r = Reader{src: src, options: r.options, text: r.text, buf: r.buf, batch: r.batch, line: start.Line, offset: start.Offset}
	if len(r.buf) > maxBuffer { // a long line made it grow
		r.buf = make([]byte, minBuffer)
	}
}
