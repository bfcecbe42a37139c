package report

import (
	"bytes"
	"encoding/json"
	"math"

	"github.com/quire-ci/quire-project/projections"
)

// DocumentSchema returns the JSON Schema of documents with the given projections.
func DocumentSchema(of []*projections.Definition) []byte {
	members, all, parts, defs := object{{"schema", object{{"const", SchemaVersion}}}}, []string{"schema"}, object{}, object{}
	for _, group := range groups(of, func(d *projections.Definition) *projections.Definition { return d }) {
		name, value := group[0].Group(), rowsSchema(group[0])
		if group[0].Part() != "" {
			rows := object{}
			for _, d := range group {
				rows = append(rows, member{d.Part(), rowsSchema(d)})
			}
			value = object{{"type", "object"}, {"minProperties", 1}, {"additionalProperties", false}, {"properties", rows}}
			parts = append(parts, member{name, object{{"required", rows.names()}}})
		}
		members, all = append(members, member{name, value}), append(all, name)
	}
	for _, d := range of {
		first := object{}
		if d.HasRunID {
			first = object{{"run_id", runIDSchema}}
		}
		defs = append(defs, member{d.Name, rowSchema(object{{"type", "object"}}, first, d)})
	}
	complete := object{
		{"description", "A document with all projections, which is the default."},
		{"allOf", []object{{{"$ref", "#"}}}}, {"required", all}, {"properties", parts},
	}
	if len(parts) == 0 {
		complete = complete[:len(complete)-1]
	}
	return file(object{
		{"$schema", schemaDialect}, {"$id", "urn:quire-project:document:v1"}, {"title", "The record of a run"},
		{"description", "The output of quire-project --to json, one document for each run. With --projection, it has only the members that were asked for."},
		{"type", "object"}, {"required", []string{"schema"}}, {"additionalProperties", false}, {"properties", members},
		{"$defs", append(object{{"complete", complete}}, defs...)},
	})
}

// rowsSchema returns the schema of a projection's rows in a document.
func rowsSchema(d *projections.Definition) object {
	row := object{{"$ref", "#/$defs/" + d.Name}}
	if d.Single {
		return append(row, member{"description", d.Doc})
	}
	return object{{"description", d.Doc}, {"type", "array"}, {"items", row}}
}

// RowSchema returns the JSON Schema of the lines of NDJSON with the given projections.
func RowSchema(of []*projections.Definition) []byte {
	rows := []object{}
	for _, d := range of {
		first := object{{"projection", object{{"const", d.Name}}}, {"run_id", runIDSchema}}
		rows = append(rows, rowSchema(object{{"description", d.Doc}}, first, d))
	}
	return file(object{
		{"$schema", schemaDialect}, {"$id", "urn:quire-project:row:v1"}, {"title", "A line of --to ndjson"},
		{"description", "One row of a projection, with the members that its row has in the document."},
		{"type", "object"}, {"required", []string{"projection", "run_id"}}, {"oneOf", rows},
	})
}

const schemaDialect = "https://json-schema.org/draft/2020-12/schema"

var runIDSchema = object{{"description", "The run's id."}, {"type", "string"}}

// rowSchema adds the members of a row to a schema: first, followed by the columns. All are
// required.
func rowSchema(schema, first object, d *projections.Definition) object {
	for i := range d.Columns {
		first = append(first, member{d.Columns[i].Name, columnSchema(&d.Columns[i])})
	}
	return append(schema, member{"required", first.names()}, member{"additionalProperties", false}, member{"properties", first})
}

func columnSchema(c *projections.Column) object {
	schema, name := object{}, "string"
	if c.Doc != "" {
		schema = object{{"description", c.Doc}}
	}
	switch c.Type {
	case projections.Int:
		name = "integer"
	case projections.Bool:
		name = "boolean"
	}
	values := []any{}
	for _, value := range c.Values {
		values = append(values, value)
	}
	switch {
	case c.Values != nil && c.Nullable:
		schema = append(schema, member{"enum", append(values, nil)})
	case c.Values != nil:
		schema = append(schema, member{"enum", values})
	case c.Nullable:
		schema = append(schema, member{"type", []string{name, "null"}})
	default:
		schema = append(schema, member{"type", name})
	}
	if c.Type == projections.Int {
		schema = append(schema, member{"minimum", c.Min}, member{"maximum", int64(math.MaxInt64) >> (64 - c.Bits)})
	}
	return schema
}

// object is a JSON object with its members in order.
type object []member

type member struct {
	name  string
	value any
}

func (o object) names() (names []string) {
	for _, m := range o {
		names = append(names, m.name)
	}
	return names
}

func (o object) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, m := range o {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(append(out, compact(m.name)...), ':'), compact(m.value)...)
	}
	return append(out, '}'), nil
}

// file formats a schema as an indented file.
func file(schema object) []byte {
	var out bytes.Buffer
	_ = json.Indent(&out, compact(schema), "", "  ") // the JSON is valid
	out.WriteByte('\n')
	return out.Bytes()
}
