package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/quire-ci/quire-project/projections"
)

// Printable makes text from a stream safe for a terminal: it escapes all characters but
// letters, signs and spaces, so that the text cannot move the cursor, change colours or
// reverse the direction of the text after it.
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

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// cut shortens text to at most width characters.
func cut(s string, width int) string {
	if width <= 0 || utf8.RuneCountInString(s) <= width {
		return s
	}
	runes := []rune(s)
	return string(runes[:width-1]) + "…"
}

// duration writes milliseconds as 417ms, 12.4s, 1m12.4s or 2h03m12s.
func duration(ms int64) string {
	if ms < 1000 {
		return fmt.Sprintf("%dms", ms)
	}
	tenths := ms / 100
	if ms%100 >= 50 {
		tenths++
	}
	minutes, tenths := tenths/600, tenths%600
	switch {
	case minutes == 0:
		return fmt.Sprintf("%d.%ds", tenths/10, tenths%10)
	case minutes < 60:
		return fmt.Sprintf("%dm%02d.%ds", minutes, tenths/10, tenths%10)
	}
	return fmt.Sprintf("%dh%02dm%02ds", minutes/60, minutes%60, tenths/10)
}

// maybe writes a duration that may be null.
func maybe(ms projections.Null[int64]) string {
	if !ms.Valid {
		return "–"
	}
	return duration(ms.V)
}

// clock writes a producer's time, if it is between the years 1970 and 9999.
func clock(ms projections.Null[int64]) string {
	const year10000 = 253402300800000
	if !ms.Valid || ms.V < 0 || ms.V >= year10000 {
		return "–"
	}
	return time.UnixMilli(ms.V).UTC().Format("2006-01-02 15:04:05 UTC")
}
