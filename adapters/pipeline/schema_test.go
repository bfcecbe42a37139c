package pipeline_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/pipeline"
)

// The schema and Parse accept the same files. Files are generated as JSON, which is also
// YAML.
func TestSchema(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("../../docs/schema/pipeline.json")
	require.NoError(t, err)
	checkSame(t, schema, map[string]any{"jobs": []any{map[string]any{"id": "a", "sh": "b", "timeout": "1m"}}}, true)
	rapid.Check(t, func(t *rapid.T) {
		checkSame(t, schema, aFile(t), false)
	})
}

// checkSame checks that the schema and Parse agree about a file, which must be valid if
// mustBe.
func checkSame(t interface{ Fatalf(string, ...any) }, schema *jsonschema.Schema, file any, mustBe bool) {
	text, err := json.Marshal(file)
	if err != nil {
		t.Fatalf("%v", err)
	}
	_, problems := pipeline.Parse(text)
	invalid := schema.Validate(file)
	if (invalid == nil) != (len(problems) == 0) || mustBe && invalid != nil {
		t.Fatalf("%s\nthe schema: %v\nthe loader: %v", text, invalid, problems)
	}
}

// aFile generates a file that is mostly valid.
func aFile(t *rapid.T) any {
	texts := []any{"a", "go test ./...", "", " ", "1.10", "\x00", true, 7, 1.5}
	scalars := append(texts, nil, []any{}, map[string]any{})
	list := func(of []any) []any {
		return append(of, []any{}, []any{"a"}, []any{"a b"}, []any{"a", "b c"}, []any{" ", "b"}, []any{"", 7}, []any{"a", nil}, []any{[]any{"a"}})
	}
	variables := []any{map[string]any{"A": "b"}, map[string]any{}, map[string]any{"1A": "b"}, map[string]any{"a_1": nil}, map[string]any{"A": 1}, map[string]any{"": "b"}, nil, "A=b", []any{"A=b"}}
	values := map[string][]any{
		"id": scalars, "dir": scalars, "sh": list(scalars), "needs": list(scalars), "shell": list(scalars), "env": variables,
		"secrets": list([]any{"A", "A-B", "", "1", true, nil, []any{"A", "_b1"}, []any{"A-B"}}),
		"timeout": {"10m", "1h30m", "1.5s", ".5s", "5.s", "+1s", "0s", "0.0h0m", "-1s", "10", "1 s", "", "1d", "s", 10, nil, []any{"1s"}, "1us", "1µs"},
		"jobs":    {nil, []any{}, "a", map[string]any{}, []any{nil}, []any{"a"}},
		"other":   {"a"},
	}
	good := map[string]any{"id": "a", "sh": "b", "needs": "c", "shell": "bash", "dir": "d", "timeout": "1m"}
	anything := func(key string) any {
		if value, ok := good[key]; ok && rapid.IntRange(0, 2).Draw(t, "good") > 0 {
			return value
		}
		return rapid.SampledFrom(values[key]).Draw(t, key)
	}
	mapping := func(always, sometimes []string) map[string]any {
		m := map[string]any{}
		for _, key := range always {
			if rapid.IntRange(0, 15).Draw(t, "missing") > 0 {
				m[key] = anything(key)
			}
		}
		for _, key := range sometimes {
			if rapid.IntRange(0, 4).Draw(t, "has "+key) == 0 {
				m[key] = anything(key)
			}
		}
		return m
	}
	file := mapping(nil, []string{"secrets", "env", "shell", "other"})
	if rapid.IntRange(0, 9).Draw(t, "jobs") == 0 {
		file["jobs"] = anything("jobs")
		return file
	}
	var jobs []any
	for range rapid.IntRange(1, 2).Draw(t, "number") {
		jobs = append(jobs, mapping([]string{"id", "sh"}, []string{"needs", "shell", "dir", "env", "timeout", "other"}))
	}
	file["jobs"] = jobs
	if secret := fmt.Sprint(file["secrets"]); secret == "A" || secret == "[A _b1]" || secret == "[a]" {
		delete(file, "secrets") // or variables of that name would be refused, which no schema can say
	}
	return file
}
