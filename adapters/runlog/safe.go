package runlog

import (
	"bytes"
	"io"
)

// Safe is a writer for text of commands that makes it fit for a terminal, see [Decoder].
type Safe struct {
	out     io.Writer
	color   bool
	decoder Decoder
	style   Style // of the last written text
	open    bool  // its line has not ended
	buffer  []byte
}

// NewSafe returns a writer to out, with the colours of the text or without.
func NewSafe(out io.Writer, color bool) *Safe { return &Safe{out: out, color: color} }

// Write writes some text.
func (s *Safe) Write(p []byte) (int, error) {
	s.decoder.Decode(p, s.show)
	return len(p), s.flush()
}

// End writes the rest at the end of a text, and ends its style.
func (s *Safe) End() error {
	s.decoder.End(s.show)
	s.use(Style{})
	return s.flush()
}

// EndLine is End, and ends the last line of the text if nothing else did.
func (s *Safe) EndLine() error {
	if err := s.End(); err != nil || !s.open {
		return err
	}
	s.open = false
	_, err := s.out.Write(lineFeed)
	return err
}

// show adds text. A style ends with its line and begins again with the next one: what others write
// between lines is not in it.
func (s *Safe) show(text []byte, style Style) {
	for line := range bytes.Lines(text) {
		line, ended := bytes.CutSuffix(line, lineFeed)
		if s.open = !ended; len(line) > 0 {
			s.use(style)
			s.buffer = append(s.buffer, line...)
		}
		if ended {
			s.use(Style{})
			s.buffer = append(s.buffer, '\n')
		}
	}
}

func (s *Safe) use(style Style) {
	if s.color && style != s.style {
		s.style = style
		s.buffer = style.appendEscape(s.buffer)
	}
}

func (s *Safe) flush() error {
	if len(s.buffer) == 0 {
		return nil
	}
	_, err := s.out.Write(s.buffer)
	s.buffer = s.buffer[:0]
	return err
}
