package display

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/text"
)

// maxMarks is how many combining marks one letter may have. Languages need
// two; more of them, one above the other, reach into other lines.
const maxMarks = 2

// Fit makes text of a stream fit for a terminal, and for so many columns of it.
// What is not a letter, a sign or a space is written as an escape, so that it can
// neither move the cursor, nor change colours, nor turn the direction of what
// follows; so is a combining mark that is on no letter, or is one too many.
// Text that is longer ends with "…". Fit returns the columns that it takes, as
// terminals count that look at one character at a time; to others it may be narrower.
func Fit(s string, columns int) (string, int) {
	if len(s) <= columns && plain(s) {
		return s, len(s)
	}
	f := fitter{columns: columns, ellipsis: text.StringWidth(ellipsis)}
	for rest := s; rest != ""; {
		r, size := utf8.DecodeRuneInString(rest)
		rest = rest[size:]
		if !f.add(r) {
			f.snip()
			break
		}
	}
	return f.out.String(), f.width
}

// plain reports whether a text is of printable ASCII, as most are.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// fitter writes characters while there is room.
type fitter struct {
	out      strings.Builder
	columns  int
	width    int
	ellipsis int // the width of "…", which is two columns where terminals are East Asian
	// snipped and snippedWidth are how much of out leaves room for the "…".
	snipped, snippedWidth int

	letter bool // the character before is a letter, or marks one
	marks  int  // that it has
}

// add writes a character, if there is room for it.
func (f *fitter) add(r rune) bool {
	if r >= ' ' && r <= '~' { // as most are
		f.letter, f.marks = unicode.IsLetter(r), 0
		return f.put(string(r), 1)
	}
	shown, width := string(r), text.RuneWidth(r)
	switch {
	case unicode.IsMark(r) && f.letter && f.marks < maxMarks:
		f.marks++
	case !unicode.IsPrint(r) || unicode.IsMark(r):
		shown = strconv.QuoteRuneToASCII(r)
		shown = shown[1 : len(shown)-1]
		width = len(shown)
		f.letter = false
	default:
		f.letter, f.marks = unicode.IsLetter(r), 0
	}
	return f.put(shown, width)
}

func (f *fitter) put(shown string, width int) bool {
	if f.width+width > f.columns {
		return false
	}
	f.out.WriteString(shown)
	f.width += width
	if f.width+f.ellipsis <= f.columns {
		f.snipped, f.snippedWidth = f.out.Len(), f.width
	}
	return true
}

const ellipsis = "…"

// snip makes room for the "…" at the end.
func (f *fitter) snip() {
	kept := f.out.String()[:f.snipped]
	f.out.Reset()
	f.out.WriteString(kept)
	f.width = f.snippedWidth
	if f.width+f.ellipsis <= f.columns {
		f.out.WriteString(ellipsis)
		f.width += f.ellipsis
	}
}
