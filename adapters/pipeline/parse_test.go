package pipeline_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/pipeline"
)

// Each kind of problem has the right position and text.
func TestProblems(t *testing.T) {
	const job = "jobs: [{id: a, sh: b}]\n"
	for _, c := range []struct{ name, file, want string }{
		{"empty", "", "1:1: the file is empty; add jobs"},
		{"comment", "# nothing\n", "1:1: the file is empty; add jobs"},
		{"null", "---\n", "2:1: a pipeline must be a mapping, but this is empty; write key: value lines"},
		{"text", "go test\n", "1:1: a pipeline must be a mapping, but this is a text; write key: value lines"},
		{"list", "- id: a\n", "1:1: a pipeline must be a mapping, but this is a list; write key: value lines"},
		{"two documents", job + "---\n" + job, "2:1: a second document begins here, but a pipeline file has only one; remove it"},
		{"malformed second document", job + "---\na: b: c\n", `3:5: this is not valid YAML: mapping values are not allowed in this context; put a command that contains ": " into quotes, or below a |`},
		{"too long", job + strings.Repeat("#", pipeline.MaxSize), "1:1: the file has more than 1048576 bytes; move long commands into scripts"},
		{"not UTF-8", job + "# \xff\n", "2:3: this byte is not UTF-8; save the file as UTF-8"},
		{"UTF-16", "\xff\xfej\x00o\x00", "1:1: this byte is not UTF-8; save the file as UTF-8"},
		{"control character", "env: {é: \x01}\n", "1:10: YAML does not allow the character U+0001; remove it"},
		{"a line's end in a comment", job + "# é\u2028b\n", `2:4: the character U+2028 ends a line in YAML, but hardly anywhere else; remove it, or write "\u2028" in double quotes`},
		{"a line's end in a block", "jobs:\r\n- id: a\r\n  sh: |\r\n    echo \u0085rm x\r\n", `4:10: the character U+0085 ends a line in YAML, but hardly anywhere else; remove it, or write "\u0085" in double quotes`},
		{"a line's end in a text", job[:19] + "'\u2029'}]\n", `1:21: the character U+2029 ends a line in YAML, but hardly anywhere else; remove it, or write "\u2029" in double quotes`},

		{"no jobs", "env: {A: b}\n", "1:1: there are no jobs; list them under jobs:"},
		{"jobs of nothing", "jobs:\n", `1:6: jobs must be a list, but this is empty; begin each job with "- id:"`},
		{"jobs by name", "jobs:\n  a:\n    sh: b\n", `2:3: jobs must be a list, but this is a mapping; begin each job with "- id:"`},
		{"empty jobs", "jobs: []\n", "1:7: there are no jobs; list at least one"},
		{"a job of text", "jobs:\n  - build\n", "2:5: a job must be a mapping, but this is a text; write key: value lines"},
		{"a key that is nearly known", "jbos: []\n" + job, `1:1: unknown key "jbos"; a pipeline has secrets, env, shell, jobs; did you mean "jobs"?`},
		{"a key that is not", "jobs:\n  - id: a\n    sh: b\n    image: c\n", `4:5: unknown key "image"; a job has id, needs, sh, shell, dir, env, timeout`},
		{"a key that may be a command", "jobs:\n  - id: a\n    sh: b\n    echo $1: c\n", "4:5: unknown key; a job has id, needs, sh, shell, dir, env, timeout; put a command of several lines below a |, indented"},
		{"a merge", "jobs:\n  - id: a\n    sh: b\n    <<: {}\n", "4:5: merging mappings (<<) is not supported; write out all keys"},
		{"a key twice", "jobs:\n  - id: a\n    sh: b\n    id: c\n", "4:5: this key is already on line 2; remove one of them"},
		{"a key of lists", "? [a]\n: b\n" + job, `1:3: a key must be a text, but this is a list; put a text that contains ": ", [ or { into quotes`},

		{"no id", "jobs:\n  - sh: a\n", "2:5: the job has no id; add one, as in id: build"},
		{"empty id", "jobs:\n  - id: ''\n    sh: a\n", "2:9: the job's id is empty; name the job"},
		{"missing id", "jobs:\n  - id:\n    sh: a\n", "2:8: the id of a job is missing; add it"},
		{"id of lists", "jobs:\n  - id: [a]\n    sh: a\n", `2:9: the id of a job must be a text, but this is a list; put a text that contains ": ", [ or { into quotes`},
		{"tagged id", "jobs:\n  - id: !!binary YQ==\n    sh: a\n", "2:9: the id of a job must be a text, but its tag gives it another type; remove the tag"},
		{"no sh", "jobs:\n  - id: a\n", "2:5: the job has no commands; list them under sh:"},
		{"empty sh", "jobs:\n  - id: a\n    sh: []\n", "3:9: the job has no commands; list at least one"},
		{"missing sh", "jobs:\n  - id: a\n    sh:\n", "3:8: a command is missing; add it"},
		{"blank command", "jobs:\n  - id: a\n    sh: [b, ' ']\n", "3:13: the command is empty; write one, or remove it"},
		{"missing command", "jobs:\n  - id: a\n    sh:\n      -\n", "4:8: a command is missing; add it"},
		{"command of a mapping", "jobs:\n  - id: a\n    sh:\n      - echo a: b\n", `4:9: a command must be a text, but this is a mapping; put a text that contains ": ", [ or { into quotes`},
		{"sh of a mapping", "jobs:\n  - id: a\n    sh: {b: c}\n", `3:9: sh must be a text or a list of texts, but this is a mapping; put a text that contains ": " into quotes`},
		{"NUL", "jobs:\n  - id: a\n    sh: \"b\\0c\"\n", "3:9: a command must not contain a NUL character; remove it"},
		{"need of a mapping", "jobs:\n  - id: a\n    sh: b\n    needs: [{c: d}]\n", `4:13: the id of a job must be a text, but this is a mapping; put a text that contains ": ", [ or { into quotes`},

		{"empty shell", "shell: ''\n" + job, "1:8: the shell is empty; name a program, as in shell: bash"},
		{"shell with arguments", "shell: bash -e\n" + job, "1:8: the shell must be the name of a program; list its arguments, as in shell: [bash, -ec]"},
		{"shell of a mapping", "jobs:\n  - id: a\n    sh: b\n    shell: {c: d}\n", `4:12: shell must be a text or a list of texts, but this is a mapping; put a text that contains ": " into quotes`},
		{"empty folder", "jobs:\n  - id: a\n    sh: b\n    dir: ''\n", "4:10: the job's folder is empty; name a folder, or remove the key"},
		{"timeout without a unit", "jobs:\n  - id: a\n    sh: b\n    timeout: 10\n", "4:14: a timeout must be a duration such as 90s, 10m or 1h30m"},
		{"no timeout", "jobs:\n  - id: a\n    sh: b\n    timeout: 0s\n", "4:14: a timeout must be a duration such as 90s, 10m or 1h30m"},
		{"a job's variable that is secret", "secrets: A\njobs: [{id: a, sh: b, env: {A: b}}]\n", "2:29: this variable is a secret, so its value must not be in the file; set it in the environment of quire-ci"},
		{"secret that is no name", "secrets: [A, A-B]\n" + job, "1:14: a secret must be the name of an environment variable; use letters, digits and underscores, and do not begin with a digit"},
		{"variable that is no name", "env: {1A: b}\n" + job, "1:7: this is not a valid name of an environment variable; use letters, digits and underscores, and do not begin with a digit"},
		{"variable without a value", "env:\n  A:\n" + job, `2:5: the value of a variable ("" for an empty one) is missing; add it`},
		{"env of a list", "env: [A=b]\n" + job, "1:6: env must be a mapping, but this is a list; write key: value lines"},
		{"a variable that is secret", "secrets: A\nenv: {A: b}\n" + job, "2:7: this variable is a secret, so its value must not be in the file; set it in the environment of quire-ci"},

		{"tab", "jobs:\n\t- id: a\n", "2:1: this is not valid YAML: found character that cannot start any token while scanning for the next token; indent with spaces, and put a command that begins with a special character into quotes, or below a |"},
		{"open quotes", "jobs:\n  - id: 'a\n", "3:1: this is not valid YAML: found unexpected end of stream while scanning a quoted scalar that begins at 2:9; close the quotes"},
		{"open brackets", "jobs: [\n", "2:1: this is not valid YAML: did not find expected node content while parsing a flow node; check quotes, brackets and indentation"},
		{"escape", `jobs: [{id: a, sh: "\d"}]`, "1:21: this is not valid YAML: found unknown escape character while scanning a quoted scalar that begins at 1:20; double the backslash in double quotes, or use single quotes"},
		{"unknown alias", "jobs: [{id: a, sh: *b}]", "1:20: this is not valid YAML: unknown anchor; put a command that begins with * into quotes"},
		{"deep", strings.Repeat("[", 20_000), "1:10001: this is not valid YAML: exceeded max depth of 10000 while increasing flow level; check quotes, brackets and indentation"},
		{"version", "%YAML 3.0\n---\n" + job, "1:1: this is not valid YAML: found incompatible YAML document; check quotes, brackets and indentation"},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, c.want, report(c.file))
		})
	}
}

func report(file string) string {
	_, problems := pipeline.Parse([]byte(file))
	var lines []string
	for _, problem := range problems {
		lines = append(lines, problem.Error())
	}
	return strings.Join(lines, "\n")
}

// Parse reports all problems at once, in the order of the file, and returns what is readable.
func TestAllAtOnce(t *testing.T) {
	file, problems := pipeline.Parse([]byte(strings.Join([]string{
		"secret: [A]",
		"jobs:",
		"  - id: [a]",
		"    sh: b",
		"  - needs: a",
		"  - id: c",
		"    sh: [d, {}, e]",
	}, "\n")))
	var at []string
	for _, problem := range problems {
		at = append(at, problem.At.String())
	}
	assert.Equal(t, "1:1 3:9 5:5 5:5 7:13", strings.Join(at, " "), "problems")
	if len(file.Jobs) != 3 || file.Jobs[2].ID.Value != "c" || len(file.Jobs[2].Commands) != 2 {
		t.Errorf("read %+v", file)
	}
}

// Parse takes texts without quotes exactly as written.
func TestPlainTexts(t *testing.T) {
	file, problems := pipeline.Parse([]byte("env: {A: 1.10, B: yes, C: 0x1F, D: ''}\njobs: [{id: 007, sh: [true, 2020-01-01, ~x, no]}]\n"))
	require.Empty(t, problems)
	var texts []string
	for _, variable := range file.Env {
		texts = append(texts, variable.Name+"="+variable.Value)
	}
	texts = append(texts, file.Jobs[0].ID.Value)
	for _, command := range file.Jobs[0].Commands {
		texts = append(texts, command.Value)
	}
	assert.Equal(t, "A=1.10 B=yes C=0x1F D= 007 true 2020-01-01 ~x no", strings.Join(texts, " "))
}

// A block is one command, without the line feed at its end.
func TestBlocks(t *testing.T) {
	file, problems := pipeline.Parse([]byte("jobs:\n- id: a\n  sh:\n  - |\n    set -e\n    b\n  - >-\n    c\n    d\n  - |+\n    e\n\n"))
	require.Empty(t, problems)
	for i, want := range []string{"set -e\nb", "c d", "e\n"} {
		assert.Equal(t, want, file.Jobs[0].Commands[i].Value, "command %d", i+1)
	}
}

// Escapes can stand for the line ends that Parse rejects.
func TestEscapedLineEnds(t *testing.T) {
	file, problems := pipeline.Parse([]byte(`jobs: [{id: a, sh: "a\u0085b\u2028c\u2029d\N\L\Pe"}]`))
	require.Empty(t, problems)
	assert.Equal(t, "a\u0085b\u2028c\u2029d\u0085\u2028\u2029e", file.Jobs[0].Commands[0].Value)
}

// An alias has its target's value, at its own position.
func TestAliases(t *testing.T) {
	file, problems := pipeline.Parse([]byte("jobs:\n- {id: a, sh: &b [c, d]}\n- {id: &i e, sh: *b, needs: [*i]}\n- &j {id: f, sh: g}\n- *j\n"))
	require.Empty(t, problems)
	if got := file.Jobs[1].Commands; len(got) != 2 || got[1].Value != "d" || got[1].At.String() != "2:22" {
		t.Error(got)
	}
	if got := file.Jobs[1].Needs[0]; got.Value != "e" || got.At.String() != "3:30" {
		t.Error(got)
	}
	if got := file.Jobs[3]; got.ID.Value != "f" || got.At.String() != "5:3" {
		t.Error(got)
	}
}

// Parse limits how many nodes the aliases of a small file expand to.
func TestAliasBomb(t *testing.T) {
	commands := "[" + strings.Repeat("a,", 10_000) + "]"
	var jobs strings.Builder
	jobs.WriteString("jobs:\n- {id: a, sh: &a " + commands + "}\n")
	for range 10_000 {
		jobs.WriteString("- {id: b, sh: *a}\n")
	}
	file, problems := pipeline.Parse([]byte(jobs.String()))
	if len(problems) != 1 || !strings.Contains(problems[0].What, "more than 100000 items") {
		t.Errorf("%d problems: %v", len(problems), problems[:min(3, len(problems))])
	}
	assert.LessOrEqual(t, len(file.Jobs), 12)
	assert.Equal(t, "1:11: a job must be a mapping, but this is a list; write key: value lines", report("jobs: &a [*a]\n"))
}

// FuzzParse checks that Parse accepts any file, and that each problem has a valid
// position.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"",
		"jobs: [{id: a, sh: b}]\n",
		"secrets: [A]\nenv: {B: c}\njobs:\n- id: a\n  needs: b\n  sh: |\n    c\n  - d\n",
		"jobs:\r\n- &a {id: a, sh: [&b b, *b]}\r\n- *a\r\n",
		"%YAML 1.2\n--- !!map\n? jobs\n: - id: \"\\x41\"\n    sh: >-\n      b\n...\n---\n",
		"\ufeffjobs: \u2028 'a\u0085b'\n\t",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkProblems(t, data) })
}
