package report

import (
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
)

func TestDuration(t *testing.T) {
	for ms, want := range map[int64]string{
		0: "0ms", 1: "1ms", 999: "999ms", 1000: "1.0s", 1049: "1.0s", 1050: "1.1s", 12_400: "12.4s",
		59_949: "59.9s", 59_950: "1m00.0s", 60_000: "1m00.0s", 72_400: "1m12.4s",
		3_599_949: "59m59.9s", 3_599_950: "1h00m00s", 3_600_000: "1h00m00s", 7_392_000: "2h03m12s", 360_000_000: "100h00m00s",
		9223372036854775807: "2562047788015h12m55s",
	} {
		assert.Equal(t, want, duration(ms), "duration(%d)", ms)
	}
}

func TestClock(t *testing.T) {
	for ms, want := range map[int64]string{
		0: "1970-01-01 00:00:00 UTC", 1795444880217: "2026-11-23 14:41:20 UTC", -1: "–", 9223372036854775807: "–",
	} {
		assert.Equal(t, want, clock(projections.Some(ms)), "clock(%d)", ms)
	}
}

// Only printable text of a stream reaches a terminal.
func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"go test ./...":         "go test ./...",
		"ünïcode ✓ 日本語 😀":       "ünïcode ✓ 日本語 😀",
		"a\tb\nc\r":             `a\tb\nc\r`,
		"\x1b[31mred\x1b[0m":    `\x1b[31mred\x1b[0m`,
		"\u009b31m":             `\u009b31m`,
		"\x00\x7f":              `\x00\x7f`,
		"evil\u202etxt.exe":     `evil\u202etxt.exe`,
		"zero\u200bwidth\ufeff": `zero\u200bwidth\ufeff`,
		"bad\xff":               `bad` + "\uFFFD",
	} {
		assert.Equal(t, want, Printable(text), "Printable(%+q)", text)
	}
	rapid.Check(t, func(t *rapid.T) {
		for _, r := range Printable(laws.Text().Draw(t, "text")) {
			require.True(t, unicode.IsPrint(r), "%U is printed", r)
		}
	})
}

func TestCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, width := rapid.String().Draw(t, "text"), rapid.IntRange(0, 20).Draw(t, "width")
		got := cut(s, width)
		if n := utf8.RuneCountInString(got); width > 0 && n > width || n < min(width, utf8.RuneCountInString(s)) {
			t.Fatalf("cut(%q, %d) = %q", s, width, got)
		}
	})
}

// A table is at most as wide as the terminal, unless its least width is greater; and each column of
// text has its least width.
func TestGridFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := &Grid{}
		var needed []int
		for range rapid.IntRange(1, 6).Draw(t, "columns") {
			g.Columns = append(g.Columns, Column{Share: rapid.SampledFrom([]int{0, 1, 1, 2, 2}).Draw(t, "share"), Drop: rapid.IntRange(0, 3).Draw(t, "drop")})
			needed = append(needed, rapid.IntRange(1, 30).Draw(t, "width"))
		}
		columns := rapid.IntRange(10, 60).Draw(t, "terminal")
		widths := append([]int{}, needed...)
		g.fit(widths, columns)
		sum, n := 0, 0
		for i, width := range widths {
			if width == dropped {
				continue
			}
			sum, n = sum+width, n+1
			require.LessOrEqual(t, width, needed[i])
			require.GreaterOrEqual(t, width, min(needed[i], leastText))
		}
		require.LessOrEqual(t, sum+gap*(n-1), max(columns, g.least(widths)), "%v of %v", widths, needed)
	})
}
