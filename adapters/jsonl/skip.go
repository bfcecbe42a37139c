package jsonl

import (
	"math/bits"
	"unicode/utf8"
)

// maxDepth is the limit of nesting, including the line's own object. The general decoder's parser
// has the same limit.
const maxDepth = 10_000

// skipValue returns the index behind the JSON value at b[i:], which is nested in depth
// others, or refused if it may be malformed. It sets t.spaced if there is white space
// between parts of the value.
func (t *text) skipValue(b []byte, i, depth int) int {
	switch c := b[i]; {
	case c == '"':
		i, _ = skipString(b, i+1)
		return i
	case c == '{' || c == '[':
		if depth == maxDepth {
			return refused
		}
		return t.skipParts(b, i, depth+1)
	case string(b[i:i+4]) == "true", string(b[i:i+4]) == "null":
		return i + 4
	case string(b[i:i+5]) == "false":
		return i + 5
	}
	return skipNumber(b, i)
}

// skipParts is skipValue for an object or an array.
func (t *text) skipParts(b []byte, i, depth int) int {
	named, end := b[i] == '{', b[i]+2 // the closing bracket, of both kinds
	if i = t.space(b, i+1); b[i] == end {
		return i + 1
	}
	for {
		if named {
			if b[i] != '"' {
				return refused
			}
			if i, _ = skipString(b, i+1); i < 0 {
				return refused
			}
			if i = t.space(b, i); b[i] != ':' {
				return refused
			}
			i = t.space(b, i+1)
		}
		if i = t.skipValue(b, i, depth); i < 0 {
			return refused
		}
		switch i = t.space(b, i); b[i] {
		case ',':
			i = t.space(b, i+1)
		case end:
			return i + 1
		default:
			return refused
		}
	}
}

// space is skipSpace, and sets t.spaced.
func (t *text) space(b []byte, i int) int {
	if b[i] > ' ' {
		return i
	}
	t.spaced = true
	return skipSpace(b, i)
}

// skipString returns the index behind the JSON string with its opening quote before b[i],
// and whether the string has an escape. It refuses the same strings as [text.string].
func skipString(b []byte, i int) (next int, escaped bool) {
	start, high := i, uint64(0)
	for {
		x := load(b, i)
		end := special(x)
		if end == 0 {
			high |= x
			i += word
			continue
		}
		high |= x & (end - 1) &^ end
		i += bits.TrailingZeros64(end) / 8
		switch b[i] {
		case '"':
			if high&highs != 0 && !utf8.Valid(b[start:i]) {
				return refused, false
			}
			return i + 1, escaped
		case '\\':
			escaped = true
			if shortEscapes[b[i+1]] != 0 {
				i += 2
			} else if _, i = unescapeHex(b, i+1); i < 0 {
				return refused, false
			}
		default:
			return refused, false
		}
	}
}

// skipNumber returns the index behind the JSON number at b[i:].
func skipNumber(b []byte, i int) int {
	if b[i] == '-' {
		i++
	}
	first := i
	if i = skipDigits(b, i); i < 0 || b[first] == '0' && i > first+1 {
		return refused
	}
	if b[i] == '.' {
		if i = skipDigits(b, i+1); i < 0 {
			return refused
		}
	}
	if b[i] == 'e' || b[i] == 'E' {
		if i++; b[i] == '+' || b[i] == '-' {
			i++
		}
		i = skipDigits(b, i)
	}
	return i
}

// skipDigits returns the index behind the digits at b[i:]. It refuses none at all.
func skipDigits(b []byte, i int) int {
	start := i
	for '0' <= b[i] && b[i] <= '9' {
		i++
	}
	if i == start {
		return refused
	}
	return i
}
