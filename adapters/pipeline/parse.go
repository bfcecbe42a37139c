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

// MaxSize is the maximum size of a file in bytes.
const MaxSize = 1 << 20

// Parse reads a file. It returns everything that is readable in spite of the
// problems, so that you can check that too. Problems are in the order of the file.
func Parse(data []byte) (File, []Problem) {
	d := decoder{left: maxNodes}
	if d.text(data) {
		if root := d.document(data); root != nil {
			d.file(root)
		}
	}
	sortProblems(d.problems)
	return d.read, d.problems
}

// unseenBreaks end lines in YAML, but in few editors: the YAML library's line numbers would
// differ from the editor's, and one visible line could be two commands.
const unseenBreaks = "\u0085\u2028\u2029"

// text reports whether data is text that the YAML library can parse.
func (d *decoder) text(data []byte) bool {
	if len(data) > MaxSize {
		d.add(start, "the file has more than %d bytes; move long commands into scripts", MaxSize)
		return false
	}
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			d.add(positionAt(data, i), "this byte is not UTF-8; save the file as UTF-8")
			return false
		case r < ' ' && !strings.ContainsRune("\t\n\r", r), r == '\uFFFE', r == '\uFFFF':
			d.add(positionAt(data, i), "YAML does not allow the character U+%04X; remove it", r)
			return false
		case strings.ContainsRune(unseenBreaks, r):
			d.add(positionAt(data, i), `the character U+%04X ends a line in YAML, but hardly anywhere else; remove it, or write "\u%04X" in double quotes`, r, r)
			return false
		}
		i += size
	}
	return true
}

// document returns the root of the document in data, or nil if there is none or more than one.
func (d *decoder) document(data []byte) *yaml.Node {
	loader, err := yaml.NewLoader(bytes.NewReader(data))
	var first, second yaml.Node
	if err == nil {
		err = loader.Load(&first)
	}
	switch {
	case errors.Is(err, io.EOF):
		d.add(start, "the file is empty; add jobs")
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
		d.add(position(&second), "a second document begins here, but a pipeline file has only one; remove it")
	}
	return nil
}

// syntax adds the problem that the YAML library reports.
func (d *decoder) syntax(data []byte, err error) {
	var load *yaml.LoadError
	if !errors.As(err, &load) {
		d.add(start, "this is not valid YAML")
		return
	}
	at := Position{load.Mark.Line, load.Mark.Column}
	if at.Line < 1 || at.Column < 1 {
		at = positionAt(data, min(max(load.Mark.Index, 0), len(data)))
	}
	what := load.Message
	if strings.HasPrefix(what, unknownAnchor) {
		what = unknownAnchor // its name may be a piece of a command
	}
	if load.ContextMsg != "" {
		what += " " + load.ContextMsg
	}
	if begin := load.ContextMark; begin.Line > 0 && begin != load.Mark {
		what += fmt.Sprintf(" that begins at %d:%d", begin.Line, begin.Column)
	}
	d.add(at, "this is not valid YAML: %s%s", what, remedy(what))
}

const unknownAnchor = "unknown anchor"

// remedies are for common mistakes in writing commands as YAML.
var remedies = []struct{ message, remedy string }{
	{"mapping values are not allowed", `; put a command that contains ": " into quotes, or below a |`},
	{"cannot start any token", "; indent with spaces, and put a command that begins with a special character into quotes, or below a |"},
	{"unexpected end of stream", "; close the quotes"},
	{"unknown escape character", "; double the backslash in double quotes, or use single quotes"},
	{unknownAnchor, "; put a command that begins with * into quotes"},
	{"", "; check quotes, brackets and indentation"},
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
