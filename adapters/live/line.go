package live

import (
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/quire-ci/quire-project/adapters/internal/display"
)

// line is a line of a frame under construction.
type line struct {
	out     strings.Builder
	columns int // the remaining columns
	color   bool
}

// plain is the colour of most text.
const plain = text.Reset

// add writes as much of s as fits.
func (l *line) add(color text.Color, s string) {
	l.addUpTo(l.columns, color, s)
}

// addUpTo writes as much of s as fits into the given number of columns. It returns how many columns it
// used.
func (l *line) addUpTo(columns int, color text.Color, s string) int {
	shown, width := display.Fit(s, max(0, min(columns, l.columns)))
	if shown == "" {
		return 0
	}
	if l.color && color != plain {
		shown = color.EscapeSeq() + shown + text.EscapeReset
	}
	l.out.WriteString(shown)
	l.columns -= width
	return width
}

// addIn writes s into a column of the line, and pads it with spaces.
func (l *line) addIn(columns int, color text.Color, s string) {
	width := l.addUpTo(columns, color, s)
	l.add(plain, strings.Repeat(" ", max(0, columns-width)))
}

// String returns the line without trailing spaces.
func (l *line) String() string { return strings.TrimRight(l.out.String(), " ") }
