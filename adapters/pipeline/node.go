package pipeline

import (
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"
)

// field is a key that a mapping can have.
type field struct {
	name string
	take func(value *yaml.Node)
}

// mapping reads a mapping with known keys. It returns which of them are there;
// nil, if it is no mapping.
func (d *decoder) mapping(node *yaml.Node, what string, fields []field) map[string]bool {
	found := map[string]bool{}
	if !d.pairs(node, what, func(key Text, value *yaml.Node) {
		for _, field := range fields {
			if field.name == key.Value {
				found[field.name] = true
				field.take(value)
				return
			}
		}
		d.unknown(key, what, fields)
	}) {
		return nil
	}
	return found
}

// word is what a key looks like. Anything else may be a piece of a command that has
// lost its place.
var word = regexp.MustCompile(`^[A-Za-z_-]{1,20}$`)

func (d *decoder) unknown(key Text, what string, fields []field) {
	var names []string
	for _, field := range fields {
		names = append(names, field.name)
	}
	known := what + " has " + strings.Join(names, ", ")
	switch {
	case key.Value == "<<":
		d.add(key.At, "mappings are not merged here; write out what it should have")
	case word.MatchString(key.Value):
		d.add(key.At, "%q is not a key that is known here; %s%s", key.Value, known, DidYouMean(key.Value, names))
	default:
		d.add(key.At, "this is not a key that is known here; %s; a command of several lines stands below a |, indented", known)
	}
}

// pairs goes through a mapping, and reports whether it is one. A key that is
// there twice is taken once.
func (d *decoder) pairs(node *yaml.Node, what string, take func(key Text, value *yaml.Node)) bool {
	node = d.resolve(node)
	if node == nil {
		return false
	}
	if node.Kind != yaml.MappingNode {
		d.add(position(node), "%s is a mapping, and this is %s; write key: value lines", what, kind(node))
		return false
	}
	first := map[string]Position{}
	for i := 0; i < len(node.Content) && !d.tooMany(); i += 2 {
		key, ok := d.scalar(node.Content[i], "a key")
		if !ok {
			continue
		}
		if at, twice := first[key.Value]; twice {
			d.add(key.At, "this key is there already, on line %d; take one of them out", at.Line)
			continue
		}
		first[key.Value] = key.At
		take(key, node.Content[i+1])
	}
	return true
}

// texts reads a text, or a list of them.
func (d *decoder) texts(node *yaml.Node, what, item string) []Text {
	node = d.resolve(node)
	if node == nil {
		return nil
	}
	switch {
	case node.Kind == yaml.MappingNode:
		d.add(position(node), `%s is a text or a list of texts, and this is a mapping; put a text with ": " in it into quotes`, what)
		return nil
	case node.Kind != yaml.SequenceNode:
		if text, ok := d.scalar(node, item); ok {
			return []Text{text}
		}
		return nil
	}
	var texts []Text
	for _, node := range node.Content {
		if d.tooMany() {
			break
		}
		if text, ok := d.scalar(node, item); ok {
			texts = append(texts, text)
		}
	}
	return texts
}

// scalar reads a text. It is taken as it is written: true, 1.10 and no are
// texts as well.
func (d *decoder) scalar(node *yaml.Node, what string) (Text, bool) {
	node = d.resolve(node)
	if node == nil {
		return Text{}, false
	}
	text := Text{node.Value, position(node)}
	switch {
	case node.Kind != yaml.ScalarNode:
		d.add(text.At, `%s is a text, and this is %s; put a text with ": ", [ or { in it into quotes`, what, kind(node))
	case node.Style&yaml.TaggedStyle != 0 && node.ShortTag() != "!!str":
		d.add(text.At, "%s is a text, and this has a tag that makes something else of it; take the tag out", what)
	case node.ShortTag() == "!!null":
		d.add(text.At, "%s is missing; write it", what)
	case strings.ContainsRune(text.Value, 0):
		d.add(text.At, "%s cannot have a NUL character in it; take it out", what)
	default:
		return text, true
	}
	return Text{}, false
}

// tooMany reports whether no more nodes are looked at.
func (d *decoder) tooMany() bool { return d.left <= 0 }

// resolve returns what an alias stands for, as if it stood there. It returns
// nil once too many nodes have been looked at.
func (d *decoder) resolve(node *yaml.Node) *yaml.Node {
	if d.tooMany() {
		return nil
	}
	if d.left--; d.tooMany() {
		d.add(position(node), "the file has more than %d items, or its aliases make so many of them; make it smaller", maxNodes)
		return nil
	}
	if node.Kind != yaml.AliasNode {
		return node
	}
	target := *node.Alias
	target.Line, target.Column = node.Line, node.Column
	return &target
}

func kind(node *yaml.Node) string {
	switch {
	case node.Kind == yaml.MappingNode:
		return "a mapping"
	case node.Kind == yaml.SequenceNode:
		return "a list"
	case node.ShortTag() == "!!null":
		return "nothing"
	}
	return "a text"
}
