package runlog

import (
	"regexp"
	"runtime"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func allocatedBytes() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.TotalAlloc
}

func safe(color bool, parts ...string) string {
	var b strings.Builder
	s := NewSafe(&b, color)
	for _, part := range parts {
		_, _ = s.Write([]byte(part))
	}
	_ = s.End()
	return b.String()
}

var ourEscape = regexp.MustCompile("\x1b\\[0(;[0-9]+)*m")

func checkSafe(t require.TestingT, s string) {
	plain, coloured := safe(false, s), safe(true, s)
	require.True(t, utf8.ValidString(plain))
	for _, r := range plain {
		require.True(t, unicode.IsPrint(r) || r == '\n' || r == '\t', "%U in %q", r, plain)
	}
	require.Equal(t, plain, ourEscape.ReplaceAllString(coloured, ""), "colours change the text")
	require.Equal(t, plain, safe(false, plain), "what is safe is changed")
	require.Equal(t, coloured, safe(true, coloured), "what is safe is changed")
	for _, line := range strings.Split(coloured, "\n") { // each line ends in no style
		if escapes := ourEscape.FindAllString(line, -1); len(escapes) > 0 {
			require.Equal(t, "\x1b[0m", escapes[len(escapes)-1])
		}
	}
	if printable := !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) && r != '\n' && r != '\t' }); printable && utf8.ValidString(s) {
		require.Equal(t, s, coloured, "text without escapes is changed")
	}
}

// Nothing in a text but colours reaches a terminal, and cuts do not matter.
func TestSafe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := text().Draw(t, "text")
		checkSafe(t, s)
		cut := rapid.IntRange(0, len(s)).Draw(t, "cut")
		require.Equal(t, safe(true, s), safe(true, s[:cut], s[cut:]))
		require.Equal(t, safe(true, s), safe(true, strings.Split(s, "")...))
	})
}

func FuzzSafe(f *testing.F) {
	f.Add("a\x1b[31mred\x1b[0m\r\n\x1b[2K\x1b]0;t\x07\x9b5m\u202e", 3)
	f.Add("\x1b[38;2;1;2;3m\x1b[48:5:7m\x1b[4:3m\x1b[>4;2m\x1b[?25l", 9)
	f.Fuzz(func(t *testing.T, s string, cut int) {
		checkSafe(t, s)
		cut = min(max(cut, 0), len(s))
		require.Equal(t, safe(true, s), safe(true, s[:cut], s[cut:]))
	})
}

func TestSafeExamples(t *testing.T) {
	for _, example := range []struct{ text, plain, colour string }{
		{"a\tb\n", "a\tb\n", "a\tb\n"},
		{"\x1b[31mred\x1b[m\n", "red\n", "\x1b[0;31mred\x1b[0m\n"},
		{"\x1b[31mred\n\nred\x1b[m", "red\n\nred", "\x1b[0;31mred\x1b[0m\n\n\x1b[0;31mred\x1b[0m"},
		{"\x1b[1;4;7;91mx\x1b[22;24my", "xy", "\x1b[0;1;4;7;91mx\x1b[0;7;91my\x1b[0m"},
		{"\x1b[38;5;200mx\x1b[48;2;1;2;3my\x1b[39;49mz", "xyz", "\x1b[0;38;5;200mx\x1b[0;38;5;200;48;2;1;2;3my\x1b[0mz"},
		{"\x1b[38:5:9mx\x1b[38:2::1:2:3my\x1b[38:2:1:2:3mz", "xyz", "\x1b[0;91mx\x1b[0;38;2;1;2;3myz\x1b[0m"},
		{"\x1b[38;5;300mx\x1b[38;7;31my\x1b[58;5;1;31mz", "xyz", "xy\x1b[0;31mz\x1b[0m"},
		{"\x1b[4:3mx\x1b[4:0my", "xy", "\x1b[0;4mx\x1b[0my"},
		{"\x1b[5;8mhidden", "hidden", "hidden"},
		{"\x1b[>4;2m\x1b[?1m\x1b[1 m\x1b[99999mx", "x", "x"},
		{"10%\r20%\r\r\n", "10%\n20%\n", "10%\n20%\n"},
		{"10%\r\x1b[K20%\r", "10%\n20%", "10%\n20%"},
		{"\x1b[2J\x1b[1;1H\x1b(B\x1b=\x1b]0;title\x07a\x1b]8;;u\x1b\\link\x1b]8;;\x1b\\", "alink", "alink"},
		{"\x1b]0;never ended\nnext", "\nnext", "\nnext"},
		{"\x1b]0;a\x1b[31mb", "b", "\x1b[0;31mb\x1b[0m"},
		{"\x1b[3\x1b[31mx", "x", "\x1b[0;31mx\x1b[0m"},
		{"\x1b[3é\x1bé\x1b", "éé", "éé"},
		{"\a\x00\x7f\u009b\u202e\xff", `\a\x00\x7f\u009b\u202e` + "\uFFFD", `\a\x00\x7f\u009b\u202e` + "\uFFFD"},
	} {
		assert.Equal(t, example.plain, safe(false, example.text), "%q", example.text)
		assert.Equal(t, example.colour, safe(true, example.text), "%q", example.text)
	}
	assert.Equal(t, "x", safe(true, "\x1b["+strings.Repeat(";1", 1<<16)+"mx"), "a sequence that is too long")
}
