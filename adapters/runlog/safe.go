package runlog

import "io"

// Safe is a writer for text of commands that makes it fit for a terminal, see [Decoder].
type Safe struct {
	out     io.Writer
	color   bool
	decoder Decoder
	style   Style // of what was written last
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

// End writes what is left at the end of a text, and ends its style.
func (s *Safe) End() error {
	s.decoder.End(s.show)
	s.show(nil, Style{})
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

func (s *Safe) show(text []byte, style Style) {
	if s.color && style != s.style {
		s.style = style
		s.buffer = style.appendEscape(s.buffer)
	}
	s.buffer = append(s.buffer, text...)
	if len(text) > 0 {
		s.open = text[len(text)-1] != '\n'
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
