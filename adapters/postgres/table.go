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
	// remove removes rows at positions, removeFrom all rows from positions on.
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

// tableStatements make the table of a projection. The primary key is the position of a row.
// The row's own key is unique by the hashes of its texts, because an index entry holds at most
// 2,700 bytes. The server names the indexes, because names have a limit too.
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

// columnType returns the SQL type of a column. Texts are compared by their bytes, whatever
// the locale of the database is.
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

// triggers delete the checkpoints of runs when somebody changes or deletes rows by
// hand, so that the runs are derived again. They ignore the changes of the store, which
// sets a variable.
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
