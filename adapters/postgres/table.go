package postgres

import (
	"fmt"
	"strings"

	"github.com/quire-ci/quire-project/projections"
)

// table is how rows of a projection are written.
type table struct {
	of   *projections.Definition
	copy string
	// remove removes rows by their positions, removeFrom those from a position on.
	remove, removeFrom string
}

func newTable(of *projections.Definition) *table {
	columns := ""
	for _, c := range of.Columns {
		columns += fmt.Sprintf("%q, ", c.Name)
	}
	remove := fmt.Sprintf(`DELETE FROM %q AS t USING unnest($1::text[], $2::bigint[]) AS s (run_id, position)
WHERE t.run_id = s.run_id AND t.position `, of.Table)
	return &table{
		of:     of,
		copy:   fmt.Sprintf(`COPY %q (run_id, %sposition, final) FROM STDIN (FORMAT binary)`, of.Table, columns),
		remove: remove + `= s.position`, removeFrom: remove + `>= s.position`,
	}
}

// tableStatements make the table of a projection. Its rows are found by their position.
// Their own key is unique by the hashes of its texts, because an index takes some 2,700
// bytes. The names of indexes are the server's, which has a limit for names as well.
func tableStatements(of *projections.Definition) []string {
	columns := []string{`run_id text COLLATE "C" NOT NULL`}
	for _, c := range of.Columns {
		column := fmt.Sprintf("%q %s", c.Name, columnType(c))
		if !c.Nullable {
			column += " NOT NULL"
		}
		columns = append(columns, column)
	}
	primary := "run_id, position"
	if of.Single {
		primary = "run_id"
	}
	columns = append(columns, "position bigint NOT NULL", "final boolean NOT NULL", "PRIMARY KEY ("+primary+")")
	all := []string{fmt.Sprintf("CREATE TABLE %q (\n  %s\n)", of.Table, strings.Join(columns, ",\n  "))}
	if !of.Single && !of.ByPosition {
		all = append(all, fmt.Sprintf("CREATE UNIQUE INDEX ON %q (run_id, %s)", of.Table, keyOf(of)))
	}
	for _, index := range of.Indexes {
		statement := fmt.Sprintf("CREATE INDEX ON %q (%s)", of.Table, index.Columns)
		if index.Where != "" {
			statement += " WHERE " + index.Where
		}
		all = append(all, statement)
	}
	return append(all, triggers(of.Table)...)
}

// columnType returns the type of a column. Texts are compared by their bytes, as stores
// do, whatever the locale of the database is.
func columnType(c projections.Column) string {
	switch {
	case c.Type == projections.Text:
		return `text COLLATE "C"`
	case c.Type == projections.Bool:
		return "boolean"
	case c.Bits == 32:
		return "integer"
	}
	return "bigint"
}

func keyOf(of *projections.Definition) string {
	var key []string
	for _, c := range of.Keys() {
		column := fmt.Sprintf("%q", c.Name)
		if c.Type == projections.Text {
			column = "hashtextextended(" + column + ", 0)"
		}
		key = append(key, column)
	}
	return strings.Join(key, ", ")
}

// triggers make the checkpoints of runs void when somebody changes or removes rows by
// hand, so that the runs are derived again. The store, which says who it is, keeps its
// checkpoints in order on its own.
func triggers(table string) (all []string) {
	for _, on := range []string{
		"updated AFTER UPDATE ON %q REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows",
		"deleted AFTER DELETE ON %q REFERENCING OLD TABLE AS old_rows",
		"truncated AFTER TRUNCATE ON %q",
	} {
		all = append(all, fmt.Sprintf("CREATE TRIGGER quire_project_"+on+` FOR EACH STATEMENT
WHEN (current_setting('quire_project.writer', true) IS DISTINCT FROM 'store') EXECUTE FUNCTION quire_project_void_checkpoints()`, table))
	}
	return all
}
