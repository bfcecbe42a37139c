package report_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// schema compiles a schema of docs/schema, or a part of it.
func schema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	file, _, _ := strings.Cut(name, ":")
	text, err := os.ReadFile("../../docs/schema/" + file + ".json")
	require.NoError(t, err)
	return compiled(t, text, name)
}

func compiled(t rapid.TB, text []byte, name string) *jsonschema.Schema {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	file, _, _ := strings.Cut(name, "#")
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("urn:quire-project:"+file, value))
	schema, err := compiler.Compile("urn:quire-project:" + name)
	require.NoError(t, err)
	return schema
}

func validate(schema *jsonschema.Schema, text string) error {
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

func TestDocumentsFitTheSchema(t *testing.T) {
	complete, any := schema(t, "document:v1#/$defs/complete"), schema(t, "document:v1")
	forEach(t, func(t rapid.TB, entries []domain.Entry) {
		require.NoError(t, validate(complete, write(t, report.JSON, entries, report.Options{})))
		for _, d := range projections.Builtin.Reported() {
			require.NoError(t, validate(any, write(t, report.JSON, entries, report.Options{Projections: []*projections.Definition{d}})), d.Name)
		}
	})
}

func TestRowsFitTheSchema(t *testing.T) {
	row := schema(t, "row:v1")
	forEach(t, func(t rapid.TB, entries []domain.Entry) {
		for line := range strings.Lines(write(t, report.NDJSON, entries, report.Options{})) {
			require.NoError(t, validate(row, line), line)
		}
	})
}

func TestEventsFitTheSchema(t *testing.T) {
	event := schema(t, "event:v1")
	forEach(t, func(t rapid.TB, entries []domain.Entry) {
		for i := range entries {
			if entries[i].Kind == domain.NoEvent {
				continue
			}
			line, err := jsonl.Append(nil, &entries[i].Event)
			require.NoError(t, err)
			require.NoError(t, validate(event, string(line)), "%s", line)
		}
	})
}

// Recorded lines are valid against the schema as they were written, not only after re-encoding.
func TestRecordedLinesFitTheSchema(t *testing.T) {
	event := schema(t, "event:v1")
	paths, err := filepath.Glob("../../fixtures/*.jsonl")
	require.NoError(t, err, "no fixtures")
	require.NotEmpty(t, paths, "no fixtures")
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			if !strings.HasSuffix(line, "\n") {
				continue // a torn tail is no event
			}
			assert.NoError(t, validate(event, line), "%s: %s", path, line)
		}
	}
}

// The schemas reject invalid documents.
func TestSchemasRefuse(t *testing.T) {
	document := `{"schema":"quire-project/v1","labels":[],"run":{"run_id":"r","state":"active","ended":false,"events":0,"unknown_events":0,"jobs":0,"failed_jobs":0,"sh_events":0,"failed_sh":0,"open_sh":0},` +
		`"jobs":[],"sh_events":[],"timings":{"run":{"started_at_ms":null,"last_at_ms":null,"wall_ms":null,"busy_ms":0,"job_ms":0,"peak_jobs":0},"jobs":[],"sh_events":[],"slowest":[]},"diagnostics":[]}`
	row := `{"projection":"timings.slowest","run_id":"r","job_id":"a","seq":1,"duration_ms":5}`
	event := `{"at_ms":1,"type":"sh_started","job_id":"a","cmd":"true"}`
	for _, test := range []struct{ schema, good, old, new string }{
		{"document:v1#/$defs/complete", document, `"quire-project/v1"`, `"quire-project/v2"`},
		{"document:v1#/$defs/complete", document, `"jobs":[],"sh`, `"sh`},
		{"document:v1#/$defs/complete", document, `,"slowest":[]`, ``},
		{"document:v1#/$defs/complete", document, `"active"`, `"running"`},
		{"document:v1#/$defs/complete", document, `"diagnostics"`, `"more":1,"diagnostics"`},
		{"document:v1", document, `"peak_jobs":0`, `"peak_jobs":null`},
		{"document:v1", document, `"busy_ms":0`, `"busy_ms":-1`},
		{"row:v1", row, `timings.slowest`, `slowest`},
		{"row:v1", row, `"seq":1`, `"seq":0`},
		{"row:v1", row, `,"duration_ms":5`, ``},
		{"row:v1", row, `"seq":1`, `"seq":1,"cmd":"x"`},
		{"event:v1", event, `"at_ms":1`, `"at_ms":9223372036854775808`},
		{"event:v1", event, `,"cmd":"true"`, ``},
		{"event:v1", event, `"a"`, `null`},
	} {
		s := schema(t, test.schema)
		require.NoError(t, validate(s, test.good), test.schema)
		assert.Error(t, validate(s, strings.Replace(test.good, test.old, test.new, 1)), "%s takes", test.schema)
	}
}
