package runlog

import (
	"bytes"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// Decoder makes the output of a command safe to show. It removes all escape sequences; those that
// set colours and the like (SGR) determine the style of the following text. A carriage return
// becomes a line feed unless a line feed follows, because the following text would overwrite the
// line. Other unprintable characters, except line feeds and tabs, become escapes such as \a or
// \u202e.
//
// The zero value is ready for use. The result does not depend on how the text is cut.
type Decoder struct {
	style  Style
	state  state
	params []byte // of a control sequence
	text   []byte // decoded, in one style
	rest   []byte // the first bytes of a character
}

type state uint8

const (
	ground        state = iota
	returned            // after a carriage return
	escape              // after an ESC
	intermediate        // in an escape sequence of more bytes
	control             // in a control sequence, after ESC [
	stringed            // in a string of the operating system or the like, after ESC ]
	stringEscaped       // after an ESC in one
)

// maxParams is the length of the longest control sequence that is understood.
const maxParams = 256

const (
	bel = 0x07
	esc = 0x1b
)

// Decode decodes the next bytes of a text, and calls show with each piece of text in one style. The
// piece is valid UTF-8, and is valid until show returns.
func (d *Decoder) Decode(p []byte, show func(text []byte, style Style)) {
	if len(d.rest) > 0 {
		p = append(d.rest, p...)
		d.rest = nil
	}
	for len(p) > 0 {
		if d.state > returned {
			if d.sequence(p[0], show) {
				p = p[1:]
			}
			continue
		}
		n := d.plain(p)
		if n == 0 {
			d.rest = bytes.Clone(p)
			break
		}
		p = p[n:]
	}
	d.flush(show)
}

// Fresh reports whether a new decoder would continue in the same way.
func (d *Decoder) Fresh() bool { return d.state == ground && d.style == Style{} && len(d.rest) == 0 }

// End decodes the rest at the end of a text.
func (d *Decoder) End(show func(text []byte, style Style)) {
	for range d.rest {
		d.text = append(d.text, "\uFFFD"...)
	}
	d.flush(show)
	*d = Decoder{}
}

func (d *Decoder) flush(show func([]byte, Style)) {
	if len(d.text) > 0 {
		show(d.text, d.style)
		d.text = d.text[:0]
	}
}

// plain decodes the beginning of a text outside of sequences, and returns its length: 0 if it is only
// the beginning of a character.
func (d *Decoder) plain(p []byte) int {
	n := 0
	for n < len(p) && (p[n] >= ' ' && p[n] <= '~' || p[n] == '\n' || p[n] == '\t') {
		n++
	}
	if d.state == returned {
		d.state = ground
		if p[0] != '\n' && p[0] != '\r' {
			d.text = append(d.text, '\n')
		}
	}
	if n > 0 {
		d.text = append(d.text, p[:n]...)
		return n
	}
	switch p[0] {
	case esc:
		d.state = escape
		return 1
	case '\r':
		d.state = returned
		return 1
	}
	if !utf8.FullRune(p) {
		return 0
	}
	r, size := utf8.DecodeRune(p)
	if unicode.IsPrint(r) { // U+FFFD among them
		d.text = utf8.AppendRune(d.text, r)
	} else {
		escaped := strconv.QuoteRuneToASCII(r)
		d.text = append(d.text, escaped[1:len(escaped)-1]...)
	}
	return size
}

// sequence takes the next byte of an escape sequence. It reports whether the byte is part of the
// sequence; if not, the sequence has ended without it.
func (d *Decoder) sequence(c byte, show func([]byte, Style)) bool {
	switch d.state {
	case escape, intermediate:
		return d.escaped(c)
	case control:
		return d.controlled(c, show)
	case stringEscaped:
		if c == '\\' {
			d.state = ground
			return true
		}
		d.state = escape
		return false
	}
	switch c {
	case esc:
		d.state = stringEscaped
	case bel:
		d.state = ground
	case '\n', '\r': // nobody has ended the string
		d.state = ground
		return false
	}
	return true
}

// escaped takes a byte after an ESC and, it may be, others.
func (d *Decoder) escaped(c byte) bool {
	switch {
	case c >= ' ' && c <= '/':
		d.state = intermediate
		return true
	case d.state == escape && c == '[':
		d.state, d.params = control, d.params[:0]
		return true
	case d.state == escape && bytes.IndexByte([]byte("]PX^_"), c) >= 0:
		d.state = stringed
		return true
	}
	d.state = ground
	return c >= '0' && c <= '~'
}

// controlled takes a byte of a control sequence.
func (d *Decoder) controlled(c byte, show func([]byte, Style)) bool {
	if c >= ' ' && c <= '?' {
		if len(d.params) < maxParams {
			d.params = append(d.params, c)
		}
		return true
	}
	d.state = ground
	if c == 'm' && len(d.params) < maxParams && len(bytes.Trim(d.params, "0123456789;:")) == 0 {
		style := d.style
		style.set(string(d.params))
		if style != d.style {
			d.flush(show)
			d.style = style
		}
	}
	return c >= '@' && c <= '~'
}
