package main

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
