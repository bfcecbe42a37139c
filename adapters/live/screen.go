package live

import (
	"fmt"
	"io"
	"slices"

	"github.com/jedib0t/go-pretty/v6/text"
)

// screen is the part of a terminal that shows the frame: the lines above the cursor, as many as the
// latest frame has.
type screen struct {
	out   io.Writer
	lines []string
	width int
	err   error
}

// Control sequences around each frame. Line wrapping is off for the frame, so that the terminal clips
// a line that it considers wider than this package does, and the other lines keep their places.
const (
	frameBegins = "\x1b[?2026h\x1b[?25l\x1b[?7l"
	frameEnds   = "\x1b[?7h\x1b[?25h\x1b[?2026l"
	eraseLine   = "\x1b[K" // to the right of the cursor
	eraseBelow  = "\x1b[J"
)

// draw replaces the latest frame with lines, in one write. The lines must be narrower than the
// terminal: after a full line, the cursor would stand on its last character and erase it. draw writes
// nothing if the lines are the same, or if writing has failed before.
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

// height returns how many rows the latest frame occupies at the terminal's current width: most
// terminals rewrap lines that have become too long.
func (s *screen) height(width int) int {
	rows := 0
	for _, line := range s.lines {
		columns := text.StringWidthWithoutEscSequences(line)
		rows += max(1, (columns+width-1)/width)
	}
	return rows
}
