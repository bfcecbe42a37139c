package sqlread

import (
	"context"
	"strings"

	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// registered is what a store knows of a projection.
type registered struct {
	name    string
	version int    // the newest one that rows were written of; 0 before that
	columns string // as [projections.Definition.Describe] says
}

func registeredColumns(d *Dialect, r *registered) []any {
	return []any{text[string]{d, &r.name}, integer[int]{&r.version}, text[string]{d, &r.columns}}
}

// registered returns what the store knows of projections, by name.
func (d *Dialect) registered(ctx context.Context, q Querier) (map[string]registered, error) {
	all := map[string]registered{}
	for r, err := range each(d, "the projections", registeredColumns, func() (Rows, error) {
		return d.query(ctx, q, `SELECT name, version, columns FROM quire_project_projections`)
	}) {
		if err != nil {
			return nil, err
		}
		all[r.name] = r
	}
	return all, nil
}

// Versions returns the versions of projections that rows were written of.
func (d *Dialect) Versions(ctx context.Context, q Querier) (map[string]int, error) {
	all, err := d.registered(ctx, q)
	versions := map[string]int{}
	for name, r := range all {
		versions[name] = r.version
	}
	return versions, err
}

// Tables returns the projections that need a table, and the tables to drop first because
// an older version of their projection made them for other columns. Without remake, such a
// table is an error.
func (d *Dialect) Tables(ctx context.Context, q Querier, remake bool) (missing []*projections.Definition, drop []string, err error) {
	all, err := d.registered(ctx, q)
	if err != nil {
		return nil, nil, err
	}
	for _, of := range d.Set.Stored() {
		switch was, known := all[of.Name]; {
		case !known:
			missing = append(missing, of)
		case was.columns == of.Describe():
		case was.version > of.Version:
			return nil, nil, &projections.NewerError{Name: of.Name, Stored: was.version, Known: of.Version}
		case was.version == of.Version || !remake:
			return nil, nil, &store.ColumnsError{Projection: of, Stored: was.version}
		default:
			table, _, _ := strings.Cut(was.columns, ":") // it may have had another name
			missing, drop = append(missing, of), append(drop, table)
		}
	}
	return missing, drop, nil
}
