package runlog

import (
	"fmt"
	"strconv"
	"strings"
)

// Style is the look of a text. Blinking and hidden text are not supported.
type Style struct {
	Bold, Faint, Italic, Underlined, Inverse, Struck bool
	Text, Background                                 Color
}

// Color is a colour; 0 is the usual one.
type Color uint32

const (
	indexed Color = 1 << 24
	rgb     Color = 2 << 24
)

// Indexed returns the number of a colour of the palette of 256, if it is one. Users can choose the
// first 16 in their terminal.
func (c Color) Indexed() (number uint8, ok bool) { return uint8(c), c&^0xff == indexed }

// RGB returns red, green and blue of a colour that is not of the palette, if it is one.
func (c Color) RGB() (red, green, blue uint8, ok bool) {
	return uint8(c >> 16), uint8(c >> 8), uint8(c), c&^0xffffff == rgb
}

// appendEscape appends the escape sequence for the style, whatever the style before it.
func (s Style) appendEscape(to []byte) []byte {
	to = append(to, "\x1b[0"...)
	for _, on := range []struct {
		is   bool
		code byte
	}{{s.Bold, '1'}, {s.Faint, '2'}, {s.Italic, '3'}, {s.Underlined, '4'}, {s.Inverse, '7'}, {s.Struck, '9'}} {
		if on.is {
			to = append(to, ';', on.code)
		}
	}
	return append(appendColor(appendColor(to, s.Text, 30), s.Background, 40), 'm')
}

func appendColor(to []byte, c Color, base int) []byte {
	number, ok := c.Indexed()
	red, green, blue, _ := c.RGB()
	switch {
	case c == 0:
		return to
	case !ok:
		return fmt.Appendf(to, ";%d;2;%d;%d;%d", base+8, red, green, blue)
	case number < 8:
		return fmt.Appendf(to, ";%d", base+int(number))
	case number < 16:
		return fmt.Appendf(to, ";%d", base+60+int(number)-8)
	}
	return fmt.Appendf(to, ";%d;5;%d", base+8, number)
}

// set changes the style as the parameters of a SGR sequence say (ECMA-48, 8.3.117).
func (s *Style) set(params string) {
	fields := strings.Split(params, ";")
	for len(fields) > 0 {
		sub := strings.Split(fields[0], ":")
		fields = fields[1:]
		switch n := number(sub[0]); n {
		case 38, 48, 58: // 58 is the colour of a line below
			var c Color
			if len(sub) > 1 {
				c, _ = color(withoutSpace(sub[1:]))
			} else {
				c, fields = color(fields)
			}
			if c != 0 && n == 38 {
				s.Text = c
			} else if c != 0 && n == 48 {
				s.Background = c
			}
		case 4:
			s.Underlined = len(sub) < 2 || sub[1] != "0"
		default:
			s.simple(n)
		}
	}
}

// simple applies a parameter that takes no further ones.
func (s *Style) simple(n int) {
	switch {
	case n == 0:
		*s = Style{}
	case n == 1:
		s.Bold = true
	case n == 2:
		s.Faint = true
	case n == 3, n == 23:
		s.Italic = n == 3
	case n == 21, n == 24: // 21 is two lines
		s.Underlined = n == 21
	case n == 7, n == 27:
		s.Inverse = n == 7
	case n == 9, n == 29:
		s.Struck = n == 9
	case n == 22:
		s.Bold, s.Faint = false, false
	case n >= 30 && n < 38:
		s.Text = indexed | Color(n-30)
	case n >= 40 && n < 48:
		s.Background = indexed | Color(n-40)
	case n >= 90 && n < 98:
		s.Text = indexed | Color(n-90+8)
	case n >= 100 && n < 108:
		s.Background = indexed | Color(n-100+8)
	case n == 39:
		s.Text = 0
	case n == 49:
		s.Background = 0
	}
}

// color parses 5 and a number in the palette, or 2 and red, green and blue, and returns the
// remaining parameters. The colour is 0 if it is invalid.
func color(fields []string) (c Color, rest []string) {
	if len(fields) < 2 {
		return 0, nil
	}
	values := fields[1:2]
	switch {
	case fields[0] == "5":
		c = indexed
	case fields[0] == "2" && len(fields) >= 4:
		c, values = rgb, fields[1:4]
	default: // nobody knows how many parameters it has
		return 0, nil
	}
	shift := 8 * len(values)
	for _, field := range values {
		n := number(field)
		if shift -= 8; n < 0 || n > 255 {
			return 0, fields[1+len(values):]
		}
		c |= Color(n) << shift
	}
	return c, fields[1+len(values):]
}

// withoutSpace leaves out the colour space, usually empty, that a colour of six parameters has in the
// second.
func withoutSpace(fields []string) []string {
	if len(fields) == 5 {
		return append(fields[:1:1], fields[2:]...)
	}
	return fields
}

// number parses a parameter. A missing one is 0, an invalid one -1.
func number(field string) int {
	if field == "" {
		return 0
	}
	n, err := strconv.ParseUint(field, 10, 16)
	if err != nil {
		return -1
	}
	return int(n)
}
