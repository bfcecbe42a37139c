package postgres

import (
	"strings"
	"unicode/utf8"
)

// PostgreSQL's text is UTF-8 without U+0000. Strings are stored as they are, except
// for the bytes that text cannot hold: U+0000 and bytes that are not
// UTF-8. Such a byte b is stored as U+0001 followed by U+2400+b, and so is
// U+0001 itself. The character after U+0001 is a picture of the control
// character that it represents: U+0000 appears as ␀.
//
// Different strings have different texts. The texts of UTF-8 strings sort as the strings do,
// so the database can sort them.
const (
	escape  = 0x01
	picture = 0x2400
)

// appendText appends the stored form of s.
func appendText(dst []byte, s string) []byte {
	if isText(s) {
		return append(dst, s...)
	}
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		if s[0] <= escape || r == utf8.RuneError && size == 1 {
			dst = append(dst, escape)
			dst = utf8.AppendRune(dst, picture+rune(s[0]))
		} else {
			dst = append(dst, s[:size]...)
		}
		s = s[size:]
	}
	return dst
}

// isText reports whether s is stored as it is.
func isText(s string) bool {
	return strings.IndexByte(s, 0) < 0 && strings.IndexByte(s, escape) < 0 && utf8.ValidString(s)
}

// toText returns the stored form of s.
func toText(s string) string {
	if isText(s) {
		return s
	}
	return string(appendText(nil, s))
}

// fromText returns the string whose stored form is text. In text that others have written,
// an invalid escape stays as it is.
func fromText(text string) string {
	at := strings.IndexByte(text, escape)
	if at < 0 {
		return text
	}
	s := make([]byte, 0, len(text))
	for ; at >= 0; at = strings.IndexByte(text, escape) {
		s = append(s, text[:at]...)
		r, size := utf8.DecodeRuneInString(text[at+1:])
		if r < picture || r > picture+0xFF {
			s, text = append(s, escape), text[at+1:]
			continue
		}
		s, text = append(s, byte(r-picture)), text[at+1+size:]
	}
	return string(append(s, text...))
}
