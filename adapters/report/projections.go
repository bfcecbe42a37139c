package report

import (
	"cmp"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/quire-ci/quire-project/projections"
)

// projectionsSchema is the first member of the JSON document. It changes when a change of the
// document would break its readers.
const projectionsSchema = "quire-project/projections/v1"

type listedProjection struct {
	Name    string         `json:"name"`
	Version int            `json:"version"`
	Origin  string         `json:"origin"`
	Doc     string         `json:"doc"`
	Columns []listedColumn `json:"columns"`
}

type listedColumn struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"`
	Bits     int      `json:"bits,omitempty"`
	Nullable bool     `json:"nullable"`
	Key      bool     `json:"key"`
	Values   []string `json:"values,omitempty"`
	Doc      string   `json:"doc"`
}

// WriteProjections writes the projections of a set, as one document, docs/schema/projections.json,
// or as a table for a terminal with that many columns; 0 means no limit.
func WriteProjections(out io.Writer, format Format, columns int, set *projections.Set) error {
	all := listProjections(set)
	if format == JSON {
		return writeValue(out, projectionsSchema, map[string]any{"projections": all})
	}
	g := &Grid{Columns: []Column{
		{Title: "name", Share: 1}, {Title: "version", Right: true, Drop: 2}, {Title: "origin", Drop: 1}, {Title: "columns"},
	}}
	if columns > 0 {
		g.Columns[3].Share = 3
	}
	for _, of := range all {
		var names []string
		for _, c := range of.Columns {
			if c.Key {
				c.Name += "*"
			}
			names = append(names, c.Name)
		}
		g.add(cmp.Or(columns, 1<<20), of.Name, strconv.Itoa(of.Version), of.Origin, strings.Join(names, ", "))
	}
	return g.Write(out, columns)
}

func listProjections(set *projections.Set) (all []listedProjection) {
	for _, d := range set.Reported() {
		of := listedProjection{Name: d.Name, Version: d.Version, Origin: "built-in", Doc: d.Doc}
		if !slices.Contains(projections.Builtin.All(), d) {
			of.Origin = "added"
		}
		for _, c := range d.Columns {
			of.Columns = append(of.Columns, listedColumn{c.Name, c.Type.String(), c.Bits, c.Nullable, c.Key, c.Values, c.Doc})
		}
		all = append(all, of)
	}
	return all
}
