package storetest

import (
	"math/rand/v2"
	"strings"

	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/projections/laws"
)

// oddTexts are texts that a database, or a driver that quotes and copies, may
// stumble over. What comes off the wire is UTF-8; what a
// projection makes of it need not be.
var oddTexts = []string{
	"", " ", "  trailing ", "\t", "\n", "\r\n", "a\rb", "\x00", "a\x00b", "\x00\x00", "\x01", "\x1a", "\x1b[31m", "\x7f", "\u0080",
	"'", "''", "'; DROP TABLE jobs; --", `"`, "`", `\`, `\\`, `\x41`, `\N`, `\.`, `\u0000`, `E'\\'`, "$1", "$$", ":name", "@p", "?", "?1", "%s%d", "_", "{}", "null", "NULL", "0", "-1",
	"é", "e\u0301", "\u0301", "\u00df", "ı", "日本", "😀", "👩\u200d💻", "שלום", "\u202eabc", "\u2028", "\uFEFF", "\uFFFD", "\uFFFE", "\uFFFF", "\uFDD0", "\uD7FF", "\uE000", "\U00010000", "\U0010FFFF",
	"\xff", "a\xc3", "\xed\xa0\x80", "\xc0\x80", "\x01\u2400",
}

// longTexts are longer than an index takes in, and differ at their ends only.
var longTexts = []string{longText(3000, 1), longText(3000, 2), "\x00" + longText(3000, 1)}

// anyText generates texts: plain ones, odd ones, of any bytes, and a few long ones.
func anyText() *rapid.Generator[string] {
	bytes := rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]byte("\x00\x01\xff\xe2a")), 0, 8), func(b []byte) string { return string(b) })
	plain := rapid.OneOf(laws.Text(), laws.Text(), rapid.SampledFrom(oddTexts), bytes)
	return rapid.OneOf(plain, plain, plain, rapid.OneOf(plain, rapid.SampledFrom(longTexts)))
}

// longText returns a text of so many bytes that cannot be compressed. Those of
// different seeds differ in their last byte, too.
func longText(bytes int, seed uint64) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	random := rand.New(rand.NewPCG(7, 7))
	var text strings.Builder
	for range bytes - 1 {
		text.WriteByte(letters[random.IntN(len(letters))])
	}
	text.WriteByte(letters[seed%uint64(len(letters))])
	return text.String()
}
