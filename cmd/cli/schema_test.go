package cli

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// documentSchema is the schema in docs/schema of one of the documents.
func documentSchema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	file, err := os.ReadFile("../../docs/schema/" + name + ".json")
	require.NoError(t, err)
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(file))
	require.NoError(t, err)
	urn := "urn:quire-project:" + name + ":v1"
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource(urn, value))
	schema, err := compiler.Compile(urn)
	require.NoError(t, err)
	return schema
}

func validate(schema *jsonschema.Schema, document string) error {
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(document))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// The files in docs/schema are what the program prints; go test -update writes those that
// follow from the projections.
func TestSchemas(t *testing.T) {
	for _, name := range schemaNames {
		var out, errs bytes.Buffer
		if status := Run(t.Context(), []string{"schema", name}, &out, &errs); status != 0 || errs.Len() > 0 {
			t.Fatalf("%s ends with %d: %s", name, status, errs.String())
		}
		path := "../../docs/schema/" + name + ".json"
		if *update && name != "event" {
			require.NoError(t, os.WriteFile(path, out.Bytes(), 0o666))
		}
		got, err := os.ReadFile(path)
		assert.NoError(t, err, "%s is not what the program", path)
		assert.Equal(t, out.Bytes(), got, "%s is not what the program", path)
	}
}
