package shell

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// A form is a text to mask: for each of its characters a unit, which has all spellings
// of the character. Consecutive letters and digits share a unit. A form matches every
// combination of spellings, so it does not matter which tool escapes what.
type form []unit
type unit []string

// formsOf returns the forms of a secret: of the whole and of each of its lines, both
// escaped and in base64.
func formsOf(secret string) []form {
	var forms []form
	for i, part := range append([]string{secret}, strings.Split(secret, "\n")...) {
		if part = strings.TrimSpace(part); i == 0 || part != secret && len(part) >= minPart {
			forms = append(append(forms, escaped(part)), inBase64(part)...)
		}
	}
	return forms
}

// escaped returns the form of a text that tools may escape.
func escaped(text string) form {
	var f form
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		u := spellings(text[:size], r)
		if end := strings.TrimPrefix(text, "\r"); strings.HasPrefix(end, "\n") {
			u, size = append(spellings("\n", '\n'), spellings("\r\n", '\r', '\n')...), len(text)-len(end)+1
		}
		f, text = f.then(u), text[size:]
	}
	return f
}

// then adds a unit.
func (f form) then(u unit) form {
	if last := len(f) - 1; last >= 0 && len(f[last]) == 1 && len(u) == 1 {
		f[last] = unit{f[last][0] + u[0]}
		return f
	}
	return append(f, u)
}

// How tools escape bytes, UTF-16 code units and characters: in URLs, JSON, XML, shell
// quotes, and string literals of many languages.
var (
	byteEscapes = []string{"%%%02X", "%%%02x", `\x%02x`, `\x%02X`, `\%03o`}
	unitEscapes = []string{`\u%04x`, `\u%04X`}
	charEscapes = []string{"&#%d;", "&#%03d;", "&#x%x;", "&#x%X;", `\u{%x}`, `\u{%X}`, `\U%08x`}
	ownEscapes  = map[string][]string{
		" ":  {"+"},
		"&":  {"&amp;"},
		"<":  {"&lt;"},
		">":  {"&gt;"},
		`"`:  {"&quot;"},
		"'":  {"&apos;", `'\''`, `'"'"'`, `'"'`}, // the last one for a run of quotes
		"\a": {`\a`}, "\b": {`\b`}, "\t": {`\t`}, "\n": {`\n`}, "\v": {`\v`}, "\f": {`\f`}, "\r": {`\r`}, "\x1b": {`\e`, `\E`},
		"\r\n": {`\r\n`},
	}
)

// spellings returns the spellings of a short text of these characters. Tools never escape
// letters and digits.
func spellings(text string, chars ...rune) unit {
	u := unit{text}
	if len(text) == 1 && (unicode.IsLetter(chars[0]) || unicode.IsDigit(chars[0])) {
		return u
	}
	u = slices.Concat(u, spell(byteEscapes, []byte(text)), spell(unitEscapes, utf16.Encode(chars)), spell(charEscapes, chars), ownEscapes[text])
	switch c := chars[0]; {
	case c == utf8.RuneError:
		u = append(u, string(c)) // JSON's replacement for a byte that is not UTF-8
	case ' ' <= c && c < utf8.RuneSelf:
		u = append(u, `\`+text)
	}
	return u
}

// spell formats values in each of the formats.
func spell[V byte | uint16 | rune](formats []string, values []V) (all []string) {
	for _, format := range formats {
		var text string
		for _, value := range values {
			text += fmt.Sprintf(format, value)
		}
		all = append(all, text)
	}
	return all
}

// base64Group is how many characters encode three bytes. Lines of base64 have whole groups.
const base64Group = 4

// inBase64 returns forms of a text within the base64 encoding of a longer text. They depend
// on where in a group of three bytes the text begins. They leave out characters that depend
// on the surrounding text.
func inBase64(text string) []form {
	var forms []form
	for before := range 3 {
		code := base64.RawStdEncoding.EncodeToString([]byte("\x00\x00"[:before] + text))
		code = code[:(before+len(text))*8/6]
		from := (before*8 + 5) / 6
		forms = append(forms, ofBase64(code, from))
		if line := base64Group; from%line > 0 && len(code)-line >= minPart { // a line may begin there
			forms = append(forms, ofBase64(code, line))
		}
	}
	return forms
}

// ofBase64 returns the form of base64 text from an index on, in either alphabet and on lines
// of any length. A line cannot end before the first whole group: otherwise every line of
// output that ends with the form's first character would have to wait for the next line.
func ofBase64(code string, from int) form {
	var f form
	for i := from; i < len(code); i++ {
		u := escaped(code[i : i+1])[0]
		switch code[i] {
		case '+':
			u = append(u, escaped("-")[0]...)
		case '/':
			u = append(u, escaped("_")[0]...)
		}
		if i%base64Group == 0 && i-from >= base64Group {
			for _, char := range slices.Clone(u) {
				u = append(u, "\n"+char, "\r\n"+char, `\n`+char)
			}
		}
		f = f.then(u)
	}
	return f
}

// match returns the length of the longest prefix of b that matches the form, or 0, and
// whether more bytes may make a longer match.
func (f form) match(b []byte) (n int, more bool) {
	var room [2][8]int
	ends, next := append(room[0][:0], 0), room[1][:0] // of the units so far
	for _, u := range f {
		next = next[:0]
		for _, end := range ends {
			rest := b[end:]
			for _, text := range u {
				switch {
				case len(rest) < len(text):
					more = more || text[:len(rest)] == string(rest)
				case string(rest[:len(text)]) == text && !slices.Contains(next, end+len(text)):
					next = append(next, end+len(text))
				}
			}
		}
		if len(next) == 0 {
			return 0, more
		}
		ends, next = next, ends
	}
	return slices.Max(ends), more
}
