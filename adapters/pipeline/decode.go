package pipeline

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// decoder turns YAML nodes into a File. It walks the nodes itself, because the errors that the
// YAML library reports for structs quote values and unknown keys, which may be secrets.
type decoder struct {
	problems []Problem
	read     File
	// left is how many more nodes may be visited. No file has that many nodes, but nested
	// aliases can expand to any number.
	left int
}

const maxNodes = 100_000

func (d *decoder) add(at Position, format string, args ...any) {
	d.problems = append(d.problems, Problem{at, fmt.Sprintf(format, args...)})
}

func (d *decoder) file(root *yaml.Node) {
	d.mapping(root, "a pipeline", []field{
		{"secrets", "", d.secrets},
		{"env", "", func(node *yaml.Node) { d.read.Env = d.env(node) }},
		{"shell", "", func(node *yaml.Node) { d.read.Shell = d.shell(node) }},
		{"jobs", "there are no jobs; list them under jobs:", d.jobs},
	})
	d.publicSecrets()
}

// publicSecrets reports secrets whose values are in the file, for anyone to read.
func (d *decoder) publicSecrets() {
	secret := map[string]bool{}
	for _, name := range d.read.Secrets {
		secret[name.Value] = true
	}
	variables := slices.Clone(d.read.Env)
	for _, job := range d.read.Jobs {
		variables = append(variables, job.Env...)
	}
	for _, variable := range variables {
		if secret[variable.Name] {
			d.add(variable.At, "this variable is a secret, so its value must not be in the file; set it in the environment of quire-ci")
		}
	}
}

func (d *decoder) secrets(node *yaml.Node) {
	for _, name := range d.texts(node, "secrets", "the name of an environment variable") {
		if d.variableName(name, "a secret must be the name of an environment variable") {
			d.read.Secrets = append(d.read.Secrets, name)
		}
	}
}

func (d *decoder) env(node *yaml.Node) (env []Variable) {
	d.pairs(node, "env", func(key Text, value *yaml.Node) {
		if !d.variableName(key, "this is not a valid name of an environment variable") {
			return
		}
		if text, ok := d.scalar(value, `the value of a variable ("" for an empty one)`); ok {
			env = append(env, Variable{key.Value, text.Value, key.At})
		}
	})
	return env
}

func (d *decoder) shell(node *yaml.Node) Shell {
	problems := len(d.problems)
	shell := d.texts(node, "shell", "a shell")
	switch {
	case len(d.problems) > problems:
	case len(shell) == 0 || strings.TrimSpace(shell[0].Value) == "":
		d.add(position(node), "the shell is empty; name a program, as in shell: bash")
	case len(shell) == 1 && strings.ContainsAny(shell[0].Value, " \t\n"):
		d.add(position(node), "the shell must be the name of a program; list its arguments, as in shell: [bash, -ec]")
	}
	return shell
}

func (d *decoder) dir(node *yaml.Node) Text {
	dir, ok := d.scalar(node, "the folder of a job")
	if ok && dir.Value == "" {
		d.add(dir.At, "the job's folder is empty; name a folder, or remove the key")
	}
	return dir
}

func (d *decoder) timeout(node *yaml.Node) time.Duration {
	text, ok := d.scalar(node, "a timeout")
	if !ok {
		return 0
	}
	timeout, err := time.ParseDuration(text.Value)
	if err != nil || timeout <= 0 {
		d.add(text.At, "a timeout must be a duration such as 90s, 10m or 1h30m")
	}
	return timeout
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func (d *decoder) variableName(name Text, complaint string) bool {
	if variableName.MatchString(name.Value) {
		return true
	}
	d.add(name.At, "%s; use letters, digits and underscores, and do not begin with a digit", complaint)
	return false
}

func (d *decoder) jobs(node *yaml.Node) {
	if node = d.resolve(node); node == nil {
		return
	}
	if node.Kind != yaml.SequenceNode {
		d.add(position(node), `jobs must be a list, but this is %s; begin each job with "- id:"`, kind(node))
		return
	}
	if len(node.Content) == 0 {
		d.add(position(node), "there are no jobs; list at least one")
	}
	for _, item := range node.Content {
		d.job(item)
	}
}

func (d *decoder) job(node *yaml.Node) {
	job := Job{At: position(node)}
	if d.mapping(node, "a job", []field{
		{"id", "the job has no id; add one, as in id: build", func(node *yaml.Node) { job.ID = d.id(node) }},
		{"needs", "", func(node *yaml.Node) { job.Needs = d.texts(node, "needs", "the id of a job") }},
		{"sh", "the job has no commands; list them under sh:", func(node *yaml.Node) { job.Commands = d.commands(node) }},
		{"shell", "", func(node *yaml.Node) { job.Shell = d.shell(node) }},
		{"dir", "", func(node *yaml.Node) { job.Dir = d.dir(node) }},
		{"env", "", func(node *yaml.Node) { job.Env = d.env(node) }},
		{"timeout", "", func(node *yaml.Node) { job.Timeout = d.timeout(node) }},
	}) {
		d.read.Jobs = append(d.read.Jobs, job)
	}
}

func (d *decoder) id(node *yaml.Node) Text {
	id, ok := d.scalar(node, "the id of a job")
	if ok && id.Value == "" {
		d.add(id.At, "the job's id is empty; name the job")
	}
	return id
}

func (d *decoder) commands(node *yaml.Node) []Text {
	problems := len(d.problems)
	commands := d.texts(node, "sh", "a command")
	if len(commands) == 0 && len(d.problems) == problems {
		d.add(position(node), "the job has no commands; list at least one")
	}
	for i := range commands {
		// The line feed that ends a block has no meaning.
		commands[i].Value = strings.TrimSuffix(commands[i].Value, "\n")
		if strings.TrimSpace(commands[i].Value) == "" {
			d.add(commands[i].At, "the command is empty; write one, or remove it")
		}
	}
	return commands
}

// field is a key that a mapping can have. If the key is required, missing is the problem to
// report where it is absent.
type field struct {
	name, missing string
	take          func(value *yaml.Node)
}

// mapping reads a mapping with known keys, and reports whether node is a mapping.
func (d *decoder) mapping(node *yaml.Node, what string, fields []field) bool {
	found := map[string]bool{}
	if !d.pairs(node, what, func(key Text, value *yaml.Node) {
		if i := slices.IndexFunc(fields, func(f field) bool { return f.name == key.Value }); i >= 0 {
			found[key.Value] = true
			fields[i].take(value)
		} else {
			d.unknown(key, what, fields)
		}
	}) {
		return false
	}
	for _, field := range fields {
		if field.missing != "" && !found[field.name] {
			d.add(position(node), "%s", field.missing)
		}
	}
	return true
}

// word matches what looks like a key. Anything else may be a misplaced piece of a command.
var word = regexp.MustCompile(`^[A-Za-z_-]{1,20}$`)

func (d *decoder) unknown(key Text, what string, fields []field) {
	var names []string
	for _, field := range fields {
		names = append(names, field.name)
	}
	known := what + " has " + strings.Join(names, ", ")
	switch {
	case key.Value == "<<":
		d.add(key.At, "merging mappings (<<) is not supported; write out all keys")
	case word.MatchString(key.Value):
		d.add(key.At, "unknown key %q; %s%s", key.Value, known, didYouMean(key.Value, names))
	default:
		d.add(key.At, "unknown key; %s; put a command of several lines below a |, indented", known)
	}
}

// pairs calls take for each key of a mapping, and reports whether node is a mapping. Of a
// duplicate key it takes the first one only.
func (d *decoder) pairs(node *yaml.Node, what string, take func(key Text, value *yaml.Node)) bool {
	if node = d.resolve(node); node == nil {
		return false
	}
	if node.Kind != yaml.MappingNode {
		d.add(position(node), "%s must be a mapping, but this is %s; write key: value lines", what, kind(node))
		return false
	}
	first := map[string]Position{}
	for i := 0; i < len(node.Content); i += 2 {
		key, ok := d.scalar(node.Content[i], "a key")
		if !ok {
			continue
		}
		if at, twice := first[key.Value]; twice {
			d.add(key.At, "this key is already on line %d; remove one of them", at.Line)
			continue
		}
		first[key.Value] = key.At
		take(key, node.Content[i+1])
	}
	return true
}

// texts reads a text, or a list of texts.
func (d *decoder) texts(node *yaml.Node, what, item string) (texts []Text) {
	if node = d.resolve(node); node == nil {
		return nil
	}
	items := []*yaml.Node{node}
	switch node.Kind {
	case yaml.MappingNode:
		d.add(position(node), `%s must be a text or a list of texts, but this is a mapping; put a text that contains ": " into quotes`, what)
		return nil
	case yaml.SequenceNode:
		items = node.Content
	}
	for _, node := range items {
		if text, ok := d.scalar(node, item); ok {
			texts = append(texts, text)
		}
	}
	return texts
}

// scalar reads a text exactly as written: true, 1.10 and no are texts, too.
func (d *decoder) scalar(node *yaml.Node, what string) (Text, bool) {
	if node = d.resolve(node); node == nil {
		return Text{}, false
	}
	text := Text{node.Value, position(node)}
	switch {
	case node.Kind != yaml.ScalarNode:
		d.add(text.At, `%s must be a text, but this is %s; put a text that contains ": ", [ or { into quotes`, what, kind(node))
	case node.Style&yaml.TaggedStyle != 0 && node.ShortTag() != "!!str":
		d.add(text.At, "%s must be a text, but its tag gives it another type; remove the tag", what)
	case node.ShortTag() == "!!null":
		d.add(text.At, "%s is missing; add it", what)
	case strings.ContainsRune(text.Value, 0):
		d.add(text.At, "%s must not contain a NUL character; remove it", what)
	default:
		return text, true
	}
	return Text{}, false
}

// resolve replaces an alias by its target, at the position of the alias. It returns nil
// after too many nodes.
func (d *decoder) resolve(node *yaml.Node) *yaml.Node {
	if d.left--; d.left <= 0 {
		if d.left == 0 {
			d.add(position(node), "the file has more than %d items, aliases included; make it smaller", maxNodes)
		}
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
		return "empty"
	}
	return "a text"
}
