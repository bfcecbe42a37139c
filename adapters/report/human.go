package report

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/quire-ci/quire-project/adapters/internal/display"
)

// Printable makes text from a stream safe for a terminal: it escapes invisible characters, so that
// the text cannot move the cursor, change colours or reverse the direction of the text after it.
func Printable(s string) string {
	if !strings.ContainsFunc(s, unprintable) && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if unprintable(r) {
			escaped := strconv.QuoteRuneToASCII(r)
			b.WriteString(escaped[1 : len(escaped)-1])
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Plural returns a count with its noun, such as "1 job" or "2 jobs".
func Plural(n int, one string) string { return display.Plural(n, one) }

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// cut shortens text to at most width characters.
func cut(s string, width int) string {
	if width <= 0 || utf8.RuneCountInString(s) <= width {
		return s
	}
	runes := []rune(s)
	return string(runes[:width-1]) + "…"
}

// How all views format times.
var duration, maybe, clock = display.Duration, display.Maybe, display.Clock
