package display

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/text"
)

// maxMarks is how many combining marks a letter may have. Languages need two;
// more of them, stacked, reach into other lines.
const maxMarks = 2

// Fit makes text from a stream safe for a terminal, and at most that many columns wide. It escapes
// all characters except letters, signs and spaces, so that the text cannot move the cursor, change
// colours or reverse the direction of the text after it. It also escapes combining marks without a
// letter, and excess ones on a letter. It cuts longer text and ends it with "…". Fit also returns
// the width, as the sum of the characters' widths; in a terminal that combines characters the text
// may be narrower.
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

// plain reports whether all characters are printable ASCII, as in most texts.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// fitter writes characters while they fit.
type fitter struct {
	out      strings.Builder
	columns  int
	width    int
	ellipsis int // the width of "…", two columns in East Asian terminals
	// snipped and snippedWidth are the bytes and columns of out that leave room for "…".
	snipped, snippedWidth int

	letter bool // the character before is a letter or a mark on one
	marks  int  // on that letter
}

// add writes a character if it fits, and reports whether it did.
func (f *fitter) add(r rune) bool {
	if r >= ' ' && r <= '~' { // most characters
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

// snip cuts the text and appends "…".
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
