package terminal

import (
	"fmt"
	"io"
	"unicode"
	"unicode/utf8"
)

// escaper replaces control characters by \u escapes, so that text from a stream
// cannot control the terminal. JSON and CSV contain such characters; JSON means the same
// with the escapes.
type escaper struct {
	out  io.Writer
	rest []byte // the first bytes of a character that is not complete yet
	safe []byte
}

// Escape returns a writer that writes text to out, with escapes in place of all
// control characters but line feeds.
func Escape(out io.Writer) io.Writer { return &escaper{out: out} }

func (t *escaper) Write(p []byte) (int, error) {
	text := append(t.rest, p...)
	t.safe = t.safe[:0]
	for len(text) > 0 && utf8.FullRune(text) {
		r, size := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && size == 1:
			t.safe = append(t.safe, "\uFFFD"...)
		case r == '\n' || unicode.IsPrint(r):
			t.safe = append(t.safe, text[:size]...)
		case r > 0xFFFF:
			high, low := 0xD800+(r-0x10000)>>10, 0xDC00+(r-0x10000)&0x3FF
			t.safe = fmt.Appendf(t.safe, `\u%04x\u%04x`, high, low)
		default:
			t.safe = fmt.Appendf(t.safe, `\u%04x`, r)
		}
		text = text[size:]
	}
	t.rest = append([]byte(nil), text...)
	if _, err := t.out.Write(t.safe); err != nil {
		return 0, err
	}
	return len(p), nil
}
