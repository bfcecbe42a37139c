package storetest

import (
	"math/rand/v2"
	"strings"

	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/projections/laws"
)

// oddTexts are texts that a database, or a driver that quotes and copies, may mishandle. Texts in a
// stream are UTF-8; texts that a projection derives need not be.
var oddTexts = []string{
	"", " ", "  trailing ", "\t", "\n", "\r\n", "a\rb", "\x00", "a\x00b", "\x00\x00", "\x01", "\x1a", "\x1b[31m", "\x7f", "\u0080",
	"'", "''", "'; DROP TABLE jobs; --", `"`, "`", `\`, `\\`, `\x41`, `\N`, `\.`, `\u0000`, `E'\\'`, "$1", "$$", ":name", "@p", "?", "?1", "%s%d", "_", "{}", "null", "NULL", "0", "-1",
	"é", "e\u0301", "\u0301", "\u00df", "ı", "日本", "😀", "👩\u200d💻", "שלום", "\u202eabc", "\u2028", "\uFEFF", "\uFFFD", "\uFFFE", "\uFFFF", "\uFDD0", "\uD7FF", "\uE000", "\U00010000", "\U0010FFFF",
	"\xff", "a\xc3", "\xed\xa0\x80", "\xc0\x80", "\x01\u2400",
}

// longTexts are too long for an index, and differ only at their ends.
var longTexts = []string{longText(3000, 1), longText(3000, 2), "\x00" + longText(3000, 1)}

// longState is longer than a text of some databases.
var longState = longText(70_000, 1)

// anyText generates texts: plain ones, odd ones, any bytes, and a few long ones.
func anyText() *rapid.Generator[string] {
	bytes := rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]byte("\x00\x01\xff\xe2a")), 0, 8), func(b []byte) string { return string(b) })
	plain := rapid.OneOf(laws.Text(), laws.Text(), rapid.SampledFrom(oddTexts), bytes)
	return rapid.OneOf(plain, plain, plain, rapid.OneOf(plain, rapid.SampledFrom(longTexts)))
}

// longText returns an incompressible text of that many bytes. Texts of different seeds differ in
// their last byte, too.
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
