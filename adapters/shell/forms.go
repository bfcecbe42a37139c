package shell

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// forms returns what a secret may look like besides itself. Many of them are the same for
// most secrets.
func forms(secret string) []string {
	var out []string
	if strings.ContainsAny(secret, "\r\n") {
		for _, line := range strings.FieldsFunc(secret, func(r rune) bool { return r == '\r' || r == '\n' }) {
			out = append(out, strings.TrimSpace(line))
		}
	}
	out = append(out, jsonForms(secret)...)
	out = append(out, urlForms(secret)...)
	out = append(out, strings.ReplaceAll(secret, "'", `'\''`)) // between quotes in a shell
	if len(secret) >= minPart {
		out = append(out, base64Forms(secret)...)
	}
	return out
}

// jsonForms returns how a secret is written in JSON strings: by most; by those who
// escape what HTML has a meaning for, as Go does; by those who escape slashes; and by those who
// write nothing but ASCII, as Python does.
func jsonForms(secret string) []string {
	var out []string
	for _, escape := range []bool{false, true} {
		var text bytes.Buffer
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(escape)
		if encoder.Encode(secret) != nil { // it takes any string
			continue
		}
		quoted := strings.TrimSuffix(text.String(), "\n")
		quoted = quoted[1 : len(quoted)-1]
		for _, form := range []string{quoted, strings.ReplaceAll(quoted, "/", `\/`)} {
			out = append(out, form, inASCII(form, `\u%04x`), inASCII(form, `\u%04X`))
		}
	}
	return out
}

// inASCII escapes what is not ASCII.
func inASCII(text, escape string) string {
	var out strings.Builder
	for _, r := range text {
		if r < utf8.RuneSelf {
			out.WriteRune(r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			fmt.Fprintf(&out, escape, unit)
		}
	}
	return out.String()
}

// unescaped are the signs that are left as they are in URLs, which depends on the place
// and on who writes it.
var unescaped = []string{
	"-_.~",                 // most: RFC 3986, curl, Go in a query
	"-_.",                  // PHP in a query
	"-_.*",                 // browsers in a form, Java
	"-_.~/",                // Python
	"-_.~!*'()",            // JavaScript, a component
	"-_.~!*'();/?:@&=+$,#", // JavaScript, a whole URL
	"-_.~$&+=:@",           // Go, a part of a path
	"-_.~$&+,/:;=@",        // Go, a path
	"-_.~$&+,;=",           // Go, a name or password
}

func urlForms(secret string) []string {
	var out []string
	for _, signs := range unescaped {
		for _, space := range []string{"%20", "+"} {
			for _, digits := range []string{"0123456789ABCDEF", "0123456789abcdef"} {
				out = append(out, inURL(secret, signs, space, digits))
			}
		}
	}
	return out
}

func inURL(secret, signs, space, digits string) string {
	var out strings.Builder
	out.Grow(3 * len(secret))
	for _, b := range []byte(secret) {
		switch {
		case '0' <= b && b <= '9', 'A' <= b && b <= 'Z', 'a' <= b && b <= 'z', strings.IndexByte(signs, b) >= 0:
			out.WriteByte(b)
		case b == ' ':
			out.WriteString(space)
		default:
			out.Write([]byte{'%', digits[b>>4], digits[b&15]})
		}
	}
	return out.String()
}

// lineWidths are how many characters tools put on a line of base64: openssl, and most others.
var lineWidths = []int{64, 76}

// base64Forms returns what can be found of a secret in the base64 encoding of
// a text that it is in: there are three of it, by where in a group of three bytes the
// secret begins, and more if that is cut into lines. Characters that depend on the text
// around it are left out.
func base64Forms(secret string) []string {
	var out []string
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 {
			text := encoding.EncodeToString([]byte("\x00\x00"[:before] + secret))
			from := (before*8 + 5) / 6
			text = text[:(before+len(secret))*8/6]
			out = append(out, text[from:])
			for _, width := range lineWidths {
				for end := 4; end <= width && end < len(text); end += 4 { // of the first line
					out = append(out, inLines(text, from, end, width))
				}
			}
		}
	}
	return out
}

// inLines returns text from there on, in lines, of which the first one has this end. If there
// are less than 4 characters on that one, it begins with the second: a line of any output
// that ended in them would have to wait for the next one.
func inLines(text string, from, end, width int) string {
	var out strings.Builder
	out.Grow(len(text) + len(text)/width + 1)
	if end-from >= 4 {
		out.WriteString(text[from:end] + "\n")
	}
	for ; end+width < len(text); end += width {
		out.WriteString(text[end:end+width] + "\n")
	}
	out.WriteString(text[end:])
	return out.String()
}
