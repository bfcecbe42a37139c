package cli

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// documentSchema is the schema in docs/schema of one of the documents.
func documentSchema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	file, err := os.ReadFile("../../docs/schema/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	urn := "urn:quire-project:" + name + ":v1"
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource(urn, value); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile(urn)
	if err != nil {
		t.Fatal(err)
	}
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
			if err := os.WriteFile(path, out.Bytes(), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, out.Bytes()) {
			t.Errorf("%s is not what the program prints (%v); run go test ./cmd/cli -update", path, err)
		}
	}
}
