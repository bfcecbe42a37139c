package pipeline

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// decoder makes a File of YAML.
type decoder struct {
	problems
	read File
	// left is how many more nodes are looked at. A file has not so many, but
	// aliases of aliases can stand for any number.
	left int
}

const maxNodes = 100_000

func (d *decoder) file(root *yaml.Node) {
	found := d.mapping(root, "a pipeline", []field{
		{"secrets", d.secrets},
		{"env", func(node *yaml.Node) { d.read.Env = d.env(node) }},
		{"shell", func(node *yaml.Node) { d.read.Shell = d.shell(node) }},
		{"jobs", d.jobs},
	})
	if found != nil && !found["jobs"] {
		d.add(position(root), "there are no jobs; list them under jobs:")
	}
	d.publicSecrets()
}

// publicSecrets finds the secrets that everybody can read who has the file.
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
			d.add(variable.At, "this variable is a secret, and its value does not belong into the file; set it where quire-ci is started")
		}
	}
}

func (d *decoder) secrets(node *yaml.Node) {
	for _, name := range d.texts(node, "secrets", "the name of an environment variable") {
		if d.variableName(name, "a secret is the name of an environment variable, and this is none") {
			d.read.Secrets = append(d.read.Secrets, name)
		}
	}
}

func (d *decoder) env(node *yaml.Node) (env []Variable) {
	d.pairs(node, "env", func(key Text, value *yaml.Node) {
		if !d.variableName(key, "an environment variable cannot have this name") {
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
		d.add(position(node), "the shell is the name of a program; list its arguments, as in shell: [bash, -ec]")
	}
	return shell
}

func (d *decoder) dir(node *yaml.Node) Text {
	dir, ok := d.scalar(node, "the folder of a job")
	if ok && dir.Value == "" {
		d.add(dir.At, "the job's folder is empty; name it, or take it out")
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
		d.add(text.At, "a timeout is a time such as 90s, 10m or 1h30m")
	}
	return timeout
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func (d *decoder) variableName(name Text, complaint string) bool {
	if variableName.MatchString(name.Value) {
		return true
	}
	d.add(name.At, "%s; it has letters, digits and underscores, and does not begin with a digit", complaint)
	return false
}

func (d *decoder) jobs(node *yaml.Node) {
	node = d.resolve(node)
	if node == nil {
		return
	}
	if node.Kind != yaml.SequenceNode {
		d.add(position(node), `jobs is a list, and this is %s; begin each job with "- id:"`, kind(node))
		return
	}
	if len(node.Content) == 0 {
		d.add(position(node), "there are no jobs; list at least one")
	}
	for _, item := range node.Content {
		if d.tooMany() {
			return
		}
		d.job(item)
	}
}

func (d *decoder) job(node *yaml.Node) {
	job := Job{At: position(node)}
	found := d.mapping(node, "a job", []field{
		{"id", func(node *yaml.Node) { job.ID = d.id(node) }},
		{"needs", func(node *yaml.Node) { job.Needs = d.texts(node, "needs", "the id of a job") }},
		{"sh", func(node *yaml.Node) { job.Commands = d.commands(node) }},
		{"shell", func(node *yaml.Node) { job.Shell = d.shell(node) }},
		{"dir", func(node *yaml.Node) { job.Dir = d.dir(node) }},
		{"env", func(node *yaml.Node) { job.Env = d.env(node) }},
		{"timeout", func(node *yaml.Node) { job.Timeout = d.timeout(node) }},
	})
	if found == nil {
		return
	}
	if !found["id"] {
		d.add(job.At, "the job has no id; give it one, as in id: build")
	}
	if !found["sh"] {
		d.add(job.At, "the job has no commands; list them under sh:")
	}
	d.read.Jobs = append(d.read.Jobs, job)
}

func (d *decoder) id(node *yaml.Node) Text {
	id, ok := d.scalar(node, "the id of a job")
	if ok && id.Value == "" {
		d.add(id.At, "the job's id is empty; name it")
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
		// A block ends with a line feed, which says nothing.
		commands[i].Value = strings.TrimSuffix(commands[i].Value, "\n")
		if strings.TrimSpace(commands[i].Value) == "" {
			d.add(commands[i].At, "the command is empty; write one, or take it out")
		}
	}
	return commands
}
