package live

import (
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/quire-ci/quire-project/adapters/internal/display"
)

// line is a line of a frame that is being put together.
type line struct {
	out     strings.Builder
	columns int // that are left
	color   bool
}

// plain is the colour of most text.
const plain = text.Reset

// add writes as much of s as there is room for.
func (l *line) add(color text.Color, s string) {
	l.addUpTo(l.columns, color, s)
}

// addUpTo is add for at most so many columns. It returns how many s takes.
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

// addIn writes s into a column of the line, which is filled up with spaces.
func (l *line) addIn(columns int, color text.Color, s string) {
	width := l.addUpTo(columns, color, s)
	l.add(plain, strings.Repeat(" ", max(0, columns-width)))
}

// String returns the line, without spaces at its end.
func (l *line) String() string { return strings.TrimRight(l.out.String(), " ") }
