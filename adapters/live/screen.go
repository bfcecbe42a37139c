package live

import (
	"fmt"
	"io"
	"slices"

	"github.com/jedib0t/go-pretty/v6/text"
)

// screen is the part of a terminal that frames are drawn on: the lines above the
// cursor, as many as the last frame had.
type screen struct {
	out   io.Writer
	lines []string
	width int
	err   error
}

// What is written around each frame. Line wrapping is off meanwhile: a line that
// the terminal takes for wider than we do is clipped, and does not shift the others.
const (
	frameBegins = "\x1b[?2026h\x1b[?25l\x1b[?7l"
	frameEnds   = "\x1b[?7h\x1b[?25h\x1b[?2026l"
	eraseLine   = "\x1b[K" // from the cursor
	eraseBelow  = "\x1b[J"
)

// draw puts lines in the place of those that were drawn last, in one write. They
// are narrower than the terminal: behind a full line, the cursor would stand on its last
// character, and erase it. Nothing is written if they are the same, or if writing
// has failed before.
func (s *screen) draw(lines []string, width int) {
	if s.err != nil || width == s.width && slices.Equal(lines, s.lines) {
		return
	}
	out := []byte(frameBegins + "\r")
	if up := s.height(width); up > 0 {
		out = fmt.Appendf(out, "\x1b[%dA", up)
	}
	for _, line := range lines {
		out = append(out, line...)
		out = append(out, eraseLine+"\r\n"...)
	}
	out = append(out, eraseBelow+frameEnds...)
	_, s.err = s.out.Write(out)
	s.lines, s.width = lines, width
}

// height returns how many rows the last frame takes up now that the terminal is so
// wide: most terminals wrap lines when they become too long for it.
func (s *screen) height(width int) int {
	rows := 0
	for _, line := range s.lines {
		columns := text.StringWidthWithoutEscSequences(line)
		rows += max(1, (columns+width-1)/width)
	}
	return rows
}
