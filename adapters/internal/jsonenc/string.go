// Package jsonenc writes JSON strings and integers fast, in the form that serde_json and the
// wire have: it escapes `"` and `\`, writes \b \f \n \r \t, other bytes below 0x20 as
// \u00xx in lower-case hex, and all other bytes unchanged.
package jsonenc

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
	"unsafe"
)

// AppendString appends s as a JSON string in quotes. Bytes that are not UTF-8 become
// U+FFFD.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	b := unsafe.Slice(unsafe.StringData(s), len(s)) // only read
	done, i := 0, 0
	for {
		if i += plain(b[i:]); i == len(b) {
			return append(append(dst, b[done:]...), '"')
		}
		if c := b[i]; c < utf8.RuneSelf {
			dst = appendEscape(append(dst, b[done:i]...), c)
			i++
			done = i
			continue
		}
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && size == 1 {
			dst = append(append(dst, b[done:i]...), "\uFFFD"...)
			done = i + 1
		}
		i += size
	}
}

// plain returns the number of bytes at the start of b that need no escape and no check.
func plain(b []byte) int {
	i := 0
	for ; i+8 <= len(b); i += 8 {
		if m := notPlain(binary.LittleEndian.Uint64(b[i:])); m != 0 {
			return i + bits.TrailingZeros64(m)/8
		}
	}
	switch rest := len(b) - i; {
	case rest == 0:
		return i
	case i > 0: // the last eight bytes, some of them for the second time
		m := notPlain(binary.LittleEndian.Uint64(b[len(b)-8:]))
		return len(b) - 8 + bits.TrailingZeros64(m)/8
	}
	for ; i < len(b); i++ {
		if c := b[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			break
		}
	}
	return i
}

// notPlain marks the bytes of x that are a quote, a backslash, a control character or not ASCII: it
// sets their high bits. Bytes above the lowest mark may be marked wrongly.
func notPlain(x uint64) uint64 {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	quote, slash := x^(ones*'"'), x^(ones*'\\')
	return ((x - ones*0x20) | (quote - ones) | (slash - ones) | x) & highs
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, `\b`...)
	case '\f':
		return append(dst, `\f`...)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	const hex = "0123456789abcdef"
	return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}
