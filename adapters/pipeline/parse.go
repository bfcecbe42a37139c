package pipeline

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// MaxSize is how many bytes a file may have.
const MaxSize = 1 << 20

// Parse reads a file. With the problems that it finds comes what can be read in
// spite of them, so that the rest can be looked at as well. Problems are in the
// order of the file.
func Parse(data []byte) (File, []Problem) {
	d := decoder{left: maxNodes}
	if d.text(data) {
		if root := d.document(data); root != nil {
			d.file(root)
		}
	}
	Sort(d.problems)
	return d.read, d.problems
}

// unseenBreaks end lines for the YAML library, and for hardly any editor: what it says of
// lines would not be where people see it, and a command could be two.
const unseenBreaks = "\u0085\u2028\u2029"

// text reports whether data is a text that YAML can be looked for in.
func (d *decoder) text(data []byte) bool {
	if len(data) > MaxSize {
		d.add(start, "the file has more than %d bytes; have commands call scripts that stand in files of their own", MaxSize)
		return false
	}
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			d.add(positionAt(data, i), "this byte is not UTF-8; save the file as UTF-8")
			return false
		case r < ' ' && !strings.ContainsRune("\t\n\r", r), r == '\uFFFE', r == '\uFFFF':
			d.add(positionAt(data, i), "the character U+%04X must not be in a YAML file; take it out", r)
			return false
		case strings.ContainsRune(unseenBreaks, r):
			d.add(positionAt(data, i), `the character U+%04X ends a line in YAML, and hardly anywhere else; take it out, or write "\u%04X" in double quotes`, r, r)
			return false
		}
		i += size
	}
	return true
}

// document returns the root of the one document that data holds; nil, if there
// is another number of them.
func (d *decoder) document(data []byte) *yaml.Node {
	loader, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil {
		d.syntax(data, err)
		return nil
	}
	var first, second yaml.Node
	switch err := loader.Load(&first); {
	case errors.Is(err, io.EOF):
		d.add(start, "the file is empty; give it jobs")
		return nil
	case err != nil:
		d.syntax(data, err)
		return nil
	}
	switch err := loader.Load(&second); {
	case errors.Is(err, io.EOF):
		return first.Content[0]
	case err != nil:
		d.syntax(data, err)
	default:
		d.add(position(&second), "a second document begins here, and a pipeline is one; take it out")
	}
	return nil
}

// syntax adds the problem for which data is not YAML.
func (d *decoder) syntax(data []byte, err error) {
	var load *yaml.LoadError
	if !errors.As(err, &load) {
		d.add(start, "this is not YAML")
		return
	}
	at := Position{load.Mark.Line, load.Mark.Column}
	if at.Line < 1 || at.Column < 1 {
		at = positionAt(data, min(max(load.Mark.Index, 0), len(data)))
	}
	what := load.Message
	if strings.HasPrefix(what, unknownAnchor) {
		what = unknownAnchor // which may be a piece of a command
	}
	if load.ContextMsg != "" {
		what += " " + load.ContextMsg
	}
	if begin := load.ContextMark; begin.Line > 0 && begin != load.Mark {
		what += fmt.Sprintf(" that begins at %d:%d", begin.Line, begin.Column)
	}
	d.add(at, "this is not YAML: %s%s", what, remedy(what))
}

const unknownAnchor = "unknown anchor"

// remedies are for the mistakes that people make when they write commands into YAML.
var remedies = []struct{ message, remedy string }{
	{"mapping values are not allowed", `; a command with ": " in it goes into quotes, or below a |`},
	{"cannot start any token", "; indent with spaces, and put a command that begins with a sign into quotes, or below a |"},
	{"unexpected end of stream", "; close the quotes"},
	{"unknown escape character", "; write a backslash in double quotes twice, or use single quotes"},
	{unknownAnchor, "; put a command that begins with * into quotes"},
	{"", "; check quotes, brackets and how far the lines are indented"},
}

func remedy(message string) string {
	for _, known := range remedies {
		if strings.Contains(message, known.message) {
			return known.remedy
		}
	}
	return ""
}

func position(node *yaml.Node) Position { return Position{node.Line, node.Column} }
