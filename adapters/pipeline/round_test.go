package pipeline_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/pipeline"
)

// plain is a file without positions, for the YAML library to write.
type plain struct {
	Secrets []string          `yaml:"secrets,omitempty"`
	Env     map[string]string `yaml:"env,omitempty"`
	Jobs    []plainJob        `yaml:"jobs"`
}

type plainJob struct {
	ID    string   `yaml:"id"`
	Needs []string `yaml:"needs,omitempty"`
	Sh    []string `yaml:"sh"`
}

// Parse reads back what a YAML library writes, in whatever style.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := generate(t)
		data, err := yaml.Dump(want, yaml.WithIndent(rapid.IntRange(2, 8).Draw(t, "indent")),
			yaml.WithLineWidth(rapid.SampledFrom([]int{-1, 20, 80}).Draw(t, "width")))
		require.NoError(t, err)
		file, problems := pipeline.Parse(data)
		require.Empty(t, problems, "%v\n%s", problems, data)
		if got := strip(file); !reflect.DeepEqual(got, want) {
			t.Fatalf("read\n%+v\nand not\n%+v\nof\n%s", got, want, data)
		}
	})
}

func generate(t *rapid.T) plain {
	name := rapid.StringMatching(`[A-Z_][A-Z0-9_]{0,8}`)
	id := rapid.OneOf(rapid.StringMatching(`[a-z0-9.~-]{1,8}`), rapid.SampledFrom([]string{"true", "null", "1e3", "é", "a b", "-", "{a}", "#"}))
	command := rapid.OneOf(
		rapid.StringMatching(`[a-z:#&*!|>'"{}\[\]%@\\ \n\t-]{0,20}x`),
		rapid.SampledFrom([]string{"go test ./...", "set -e\ncat <<EOF\n  a: b\nEOF", "true", "~x", "echo a: b # c", "é\u00a0"}))
	file := plain{
		Secrets: rapid.SliceOfNDistinct(name, 0, 2, rapid.ID).Draw(t, "secrets"),
		Env:     rapid.MapOfN(rapid.StringMatching(`[a-z]{1,5}`), command, 0, 3).Draw(t, "env"),
	}
	for range rapid.IntRange(1, 4).Draw(t, "jobs") {
		file.Jobs = append(file.Jobs, plainJob{
			ID:    id.Draw(t, "id"),
			Needs: rapid.SliceOfN(id, 0, 2).Draw(t, "needs"),
			Sh:    rapid.SliceOfN(command, 1, 3).Draw(t, "sh"),
		})
	}
	return file
}

// strip removes the positions from a file.
func strip(file pipeline.File) plain {
	out := plain{Secrets: values(file.Secrets), Env: map[string]string{}}
	for _, variable := range file.Env {
		out.Env[variable.Name] = variable.Value
	}
	for _, job := range file.Jobs {
		out.Jobs = append(out.Jobs, plainJob{job.ID.Value, values(job.Needs), values(job.Commands)})
	}
	return out
}

func values(texts []pipeline.Text) []string {
	values := []string{}
	for _, text := range texts {
		values = append(values, text.Value)
	}
	return values
}

// However a file is damaged, each problem has a valid position, and none of them quotes
// a piece of a command.
func TestDamaged(t *testing.T) {
	const whole = "secrets: [TOKEN]\nenv:\n  A: $3cr3t\njobs:\n  - id: build\n    sh: |\n      curl -u $3cr3t\n      $3cr3t\n" +
		"  - id: test\n    needs: [build]\n    sh:\n      - \"$3cr3t: {$3cr3t}\"\n      - '$3cr3t # $3cr3t'\n"
	rapid.Check(t, func(t *rapid.T) {
		data := []byte(whole)
		for range rapid.IntRange(1, 6).Draw(t, "changes") {
			if len(data) == 0 {
				break
			}
			i := rapid.IntRange(0, len(data)-1).Draw(t, "at")
			switch rapid.SampledFrom([]string{"cut", "put", "drop", "break"}).Draw(t, "change") {
			case "cut":
				data = append(data[:i:i], data[i+1:]...)
			case "put":
				sign := rapid.SampledFrom([]byte("\n\t :-[]{}'\"*&!|>#%?,\\\x00\xff")).Draw(t, "sign")
				data = append(data[:i:i], append([]byte{sign}, data[i:]...)...)
			case "drop":
				data = data[:i+1]
			case "break":
				data = append(data[:i:i], append([]byte("\n"), data[i:]...)...)
			}
		}
		checkProblems(t, data)
		_, problems := pipeline.Parse(data)
		for _, problem := range problems {
			require.NotContains(t, problem.What, "3cr3t", "%v\n%s", problem, data)
		}
	})
}

// checkProblems checks what must hold for the problems of any file.
func checkProblems(t interface {
	Helper()
	Fatalf(string, ...any)
}, data []byte) {
	t.Helper()
	file, problems := pipeline.Parse(data)
	breaks := 0 // a CR alone breaks YAML's lines, too
	for _, r := range string(data) {
		if strings.ContainsRune("\n\r", r) {
			breaks++
		}
	}
	last := pipeline.Position{Line: 1, Column: 1}
	for _, problem := range problems {
		at := problem.At
		if at.Line < last.Line || at.Line == last.Line && at.Column < last.Column || at.Line > breaks+2 || at.Column > len(data)+2 {
			t.Fatalf("a problem out of its place: %v\n%q", problem, data)
		}
		if problem.What == "" || strings.ContainsAny(problem.What, "\n\x00") {
			t.Fatalf("a problem without good words: %v\n%q", problem, data)
		}
		last = at
	}
	if len(problems) > 0 {
		return
	}
	if len(file.Jobs) == 0 {
		t.Fatalf("nothing is wrong with %q, and there are no jobs", data)
	}
	for _, job := range file.Jobs {
		if job.ID.Value == "" || len(job.Commands) == 0 {
			t.Fatalf("nothing is wrong with %q, and something is missing: %+v", data, job)
		}
		for _, command := range job.Commands {
			if strings.TrimSpace(command.Value) == "" || strings.ContainsRune(command.Value, 0) {
				t.Fatalf("nothing is wrong with %q, but for %q", data, command.Value)
			}
		}
	}
}
