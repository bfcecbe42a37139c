package report

import (
	"bytes"
	"encoding/json"
	"math"

	"github.com/quire-ci/quire-project/projections"
)

// DocumentSchema returns the JSON Schema of documents with the given projections.
func DocumentSchema(of []*projections.Definition) []byte {
	s := schema{
		Dialect: schemaDialect, ID: "urn:quire-project:document:v1", Title: "The record of a run",
		Description: "What quire-project --to json writes, one document for each run. With --projection, only the members that were asked for are there.",
		Type:        "object", Required: []string{"schema"}, Closed: true,
		Properties: properties{{"schema", &schema{Const: SchemaVersion}}},
	}
	complete := schema{
		Description: "A document with all projections, which is the default.",
		AllOf:       []*schema{{Ref: "#"}}, Required: []string{"schema"},
	}
	for _, group := range groups(of, func(d *projections.Definition) *projections.Definition { return d }) {
		name, member := group[0].Group(), rowsSchema(group[0])
		if group[0].Part() != "" {
			one := 1
			member = &schema{Type: "object", MinProperties: &one, Closed: true}
			all := &schema{}
			for _, d := range group {
				member.Properties = append(member.Properties, property{d.Part(), rowsSchema(d)})
				all.Required = append(all.Required, d.Part())
			}
			complete.Properties = append(complete.Properties, property{name, all})
		}
		s.Properties = append(s.Properties, property{name, member})
		complete.Required = append(complete.Required, name)
	}
	s.Defs = properties{{"complete", &complete}}
	for _, d := range of {
		row := &schema{Type: "object", Closed: true}
		if d.HasRunID {
			row.add("run_id", runIDSchema)
		}
		s.Defs = append(s.Defs, property{d.Name, row.addColumns(d)})
	}
	return s.text()
}

// rowsSchema returns the schema of a projection's rows in a document.
func rowsSchema(d *projections.Definition) *schema {
	row := &schema{Ref: "#/$defs/" + d.Name}
	if d.Single {
		row.Description = d.Doc
		return row
	}
	return &schema{Type: "array", Description: d.Doc, Items: row}
}

// RowSchema returns the JSON Schema of the lines of NDJSON with the given projections.
func RowSchema(of []*projections.Definition) []byte {
	s := schema{
		Dialect: schemaDialect, ID: "urn:quire-project:row:v1", Title: "A line of --to ndjson",
		Description: "One row of a projection, with the members that its row has in the document.",
		Type:        "object", Required: []string{"projection", "run_id"},
	}
	for _, d := range of {
		row := &schema{Description: d.Doc, Closed: true}
		row.add("projection", &schema{Const: d.Name})
		row.add("run_id", runIDSchema)
		s.OneOf = append(s.OneOf, row.addColumns(d))
	}
	return s.text()
}

const schemaDialect = "https://json-schema.org/draft/2020-12/schema"

var runIDSchema = &schema{Type: "string", Description: "The run's id."}

// schema is a JSON Schema, with the keywords that are used here.
type schema struct {
	Dialect       string     `json:"$schema,omitempty"`
	ID            string     `json:"$id,omitempty"`
	Ref           string     `json:"$ref,omitempty"`
	Title         string     `json:"title,omitempty"`
	Description   string     `json:"description,omitempty"`
	Const         any        `json:"const,omitempty"`
	Type          any        `json:"type,omitempty"`
	Enum          []any      `json:"enum,omitempty"`
	Minimum       *int64     `json:"minimum,omitempty"`
	Maximum       *int64     `json:"maximum,omitempty"`
	Items         *schema    `json:"items,omitempty"`
	AllOf         []*schema  `json:"allOf,omitempty"`
	Required      []string   `json:"required,omitempty"`
	MinProperties *int       `json:"minProperties,omitempty"`
	Closed        closed     `json:"additionalProperties,omitempty"`
	Properties    properties `json:"properties,omitempty"`
	OneOf         []*schema  `json:"oneOf,omitempty"`
	Defs          properties `json:"$defs,omitempty"`
}

// closed says that an object has no other members.
type closed bool

func (closed) MarshalJSON() ([]byte, error) { return []byte("false"), nil }

// properties are members of an object, in order.
type properties []property

type property struct {
	name string
	of   *schema
}

func (p properties) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	before := byte('{')
	for _, property := range p {
		out.WriteByte(before)
		out.Write(unescaped(property.name))
		out.WriteByte(':')
		out.Write(unescaped(property.of))
		before = ','
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// add adds a member that is always there.
func (s *schema) add(name string, of *schema) {
	s.Properties = append(s.Properties, property{name, of})
	s.Required = append(s.Required, name)
}

func (s *schema) addColumns(d *projections.Definition) *schema {
	for i := range d.Columns {
		s.add(d.Columns[i].Name, columnSchema(&d.Columns[i]))
	}
	return s
}

func columnSchema(c *projections.Column) *schema {
	s := &schema{Description: c.Doc}
	name := "string"
	switch {
	case c.Type == projections.Int:
		least, most := c.Min, int64(math.MaxInt64)>>(64-c.Bits)
		name, s.Minimum, s.Maximum = "integer", &least, &most
	case c.Type == projections.Bool:
		name = "boolean"
	}
	for _, value := range c.Values {
		s.Enum = append(s.Enum, value)
	}
	switch {
	case s.Enum != nil && c.Nullable:
		s.Enum = append(s.Enum, nil)
	case s.Enum != nil:
	case c.Nullable:
		s.Type = []string{name, "null"}
	default:
		s.Type = name
	}
	return s
}

// text returns the schema as an indented file.
func (s *schema) text() []byte {
	var out bytes.Buffer
	_ = json.Indent(&out, unescaped(s), "", "  ") // which is valid
	out.WriteByte('\n')
	return out.Bytes()
}

// unescaped returns a value as JSON, without escapes for HTML.
func unescaped(value any) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err) // schemas have only values that JSON has
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}
