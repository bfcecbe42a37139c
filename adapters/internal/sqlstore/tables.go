package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// registered is what a store knows of a projection.
type registered struct {
	name    string
	version int    // the newest one of the rows; 0 before there are any
	columns string // from [projections.Definition.Describe]
}

func registeredColumns(_ *Dialect, r *registered) []any {
	return []any{&r.name, &r.version, &r.columns}
}

// registered returns what the store knows of projections, by name.
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

// Tables returns the projections that need a table, and the tables to drop first because
// an older version of their projection made them for other columns. Without remake, such a
// table is an error.
func (r Reader) Tables(ctx context.Context, remake bool) (missing []*projections.Definition, drop []string, err error) {
	all, err := r.registered(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, of := range r.dialect.Set.Stored() {
		switch was, known := all[of.Name]; {
		case !known:
			missing = append(missing, of)
		case was.columns == of.Describe():
		case was.version > of.Version:
			return nil, nil, fmt.Errorf("%w: %w", store.ErrOtherVersion, &projections.NewerError{Name: of.Name, Stored: was.version, Known: of.Version})
		case was.version == of.Version || !remake:
			return nil, nil, &store.ColumnsError{Projection: of, Stored: was.version}
		default:
			table, _, _ := strings.Cut(was.columns, ":") // its name may have changed
			missing, drop = append(missing, of), append(drop, table)
		}
	}
	return missing, drop, nil
}

// RegisterTable returns a statement that registers the columns of a new table. If the table
// replaces one with rows of an older version, the statement also registers this version, so
// that older programs stop: the checkpoints of the runs name rows that are gone.
func (d *Dialect) RegisterTable(of *projections.Definition) string {
	// The name and the columns are identifiers, which need no escapes.
	return d.SQL(fmt.Sprintf(`INSERT INTO {quire_project_projections} AS p (name, version, columns) VALUES ('%s', 0, '%s')
ON CONFLICT (name) DO UPDATE SET version = CASE p.version WHEN 0 THEN 0 ELSE %d END, columns = excluded.columns`, of.Name, of.Describe(), of.Version))
}

// IsIndex reports whether name is that of a declared index. Each generation makes it with a name
// of its own.
func IsIndex(name string, of *projections.Definition, index projections.Index) bool {
	return strings.HasPrefix(name, "quire_project_") && strings.HasSuffix(name, "_"+indexName(of, index))
}

// indexName returns the end of the name of an index. Databases limit names: those of projections
// leave room.
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
