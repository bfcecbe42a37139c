package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// registered describes a projection that a store knows.
type registered struct {
	name    string
	version int    // the newest version of the rows; 0 if there are none
	columns string // from [projections.Definition.Describe]
}

func registeredColumns(_ *Dialect, r *registered) []any {
	return []any{&r.name, &r.version, &r.columns}
}

// registered returns the projections that the store knows, by name.
func (r Reader) registered(ctx context.Context) (map[string]registered, error) {
	found, err := list(ctx, r, "the projections", registeredColumns, `SELECT name, version, columns FROM {quire_project_projections}`)
	all := map[string]registered{}
	for _, r := range found {
		all[r.name] = r
	}
	return all, err
}

// Versions returns the newest version of each projection that the store has rows of.
func (r Reader) Versions(ctx context.Context) (map[string]int, error) {
	all, err := r.registered(ctx)
	versions := map[string]int{}
	for name, r := range all {
		versions[name] = r.version
	}
	return versions, err
}

// SelectSchema selects the version of the tables that are not those of projections.
const SelectSchema = `SELECT coalesce(max(version_id), 0) FROM quire_project_schema`

// CheckSchema returns a [store.ErrNewerSchema] if the tables have a newer version than the program
// knows.
func CheckSchema(version, known int64) error {
	if version <= known {
		return nil
	}
	return fmt.Errorf("%w (its tables have version %d, this program knows %d)", store.ErrNewerSchema, version, known)
}

// Tables are how the tables of a store differ from the projections of this program.
type Tables struct {
	// Missing are projections that need a table, and Drop the tables to drop first: they were made
	// for other columns, and no program has written rows of them.
	Missing []*projections.Definition
	Drop    []string
	// Other has the projections whose table has rows of an older version, with other columns.
	Other map[*projections.Definition]error
}

// Tables compares the store's tables with the projections. A table of this version or a newer one
// with other columns is an error.
func (r Reader) Tables(ctx context.Context) (t Tables, err error) {
	all, err := r.registered(ctx)
	if err != nil {
		return t, err
	}
	t.Other = map[*projections.Definition]error{}
	for _, of := range r.dialect.Set.Stored() {
		was, known := all[of.Name]
		err := was.misfit(of)
		switch {
		case !known:
			t.Missing = append(t.Missing, of)
		case err == nil:
		case was.version == 0:
			t.Missing, t.Drop = append(t.Missing, of), append(t.Drop, parseTable(was.columns).name)
		case was.version >= of.Version:
			return t, err
		default:
			t.Other[of] = err
		}
	}
	return t, nil
}

// misfit returns an error if a table was made for other columns than a projection has.
func (r registered) misfit(of *projections.Definition) error {
	switch {
	case r.columns == of.Describe():
		return nil
	case r.version > of.Version:
		return fmt.Errorf("%w: %w", store.ErrOtherVersion, &projections.NewerError{Name: of.Name, Stored: r.version, Known: of.Version})
	}
	return &store.ColumnsError{Projection: of, Stored: r.version}
}

// fits returns an error if the table of a projection has other columns. Only those that had when
// the store was opened are looked up: they have not since rows were built for this program.
func (r Reader) fits(ctx context.Context, all ...*projections.Definition) error {
	for _, of := range all {
		if r.dialect.Other[of] == nil {
			continue
		}
		is, err := r.registered(ctx)
		if err != nil {
			return err
		}
		if err := is[of.Name].misfit(of); err != nil {
			return err
		}
	}
	return nil
}

// RegisterTable returns a statement that registers the columns of a new table, which has no rows.
func (d *Dialect) RegisterTable(of *projections.Definition) string {
	// The name and the columns are identifiers, which need no escapes.
	return d.SQL(fmt.Sprintf(`INSERT INTO {quire_project_projections} (name, version, columns) VALUES ('%s', 0, '%s')
ON CONFLICT (name) DO UPDATE SET columns = excluded.columns`, of.Name, of.Describe()))
}

// RegisterVersion returns a statement that registers a version of a projection.
func (d *Dialect) RegisterVersion(of *projections.Definition, version int) string {
	return d.SQL(fmt.Sprintf(`UPDATE {quire_project_projections} SET version = %d WHERE name = '%s'`, version, of.Name))
}

// IsIndex reports whether name is that of a declared index. Its name differs between generations.
func IsIndex(name string, of *projections.Definition, index projections.Index) bool {
	return strings.HasPrefix(name, "quire_project_") && strings.HasSuffix(name, "_"+indexName(of, index))
}

// indexName returns the end of the name of an index. Databases limit the length of names, so those
// of projections are limited, too.
func indexName(of *projections.Definition, index projections.Index) string {
	return of.Table + "_by_" + index.Name
}

// CreateIndex returns the statement that makes an index, over columns in SQL.
func (d *Dialect) CreateIndex(of *projections.Definition, index projections.Index, columns string) string {
	statement := fmt.Sprintf("CREATE INDEX IF NOT EXISTS %s ON {%s} (%s)", d.Own(indexName(of, index)), of.Table, columns)
	if index.Where != "" {
		statement += " WHERE " + index.Where
	}
	return d.SQL(statement)
}

// CannotWrite reports whether an error says that a database cannot be written, or not now.
func CannotWrite(err error) bool {
	return errors.Is(err, store.ErrReadOnly) || errors.Is(err, store.ErrLocked) || errors.Is(err, store.ErrFull)
}
