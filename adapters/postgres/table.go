package postgres

import (
	"fmt"
	"strings"

	"github.com/quire-ci/quire-project/adapters/internal/sqlstore"
	"github.com/quire-ci/quire-project/projections"
)

// table is how rows of a projection are written.
type table struct {
	of   *projections.Definition
	copy string
	// remove removes rows at positions, removeFrom all rows from positions on.
	remove, removeFrom string
}

func newTable(d *sqlstore.Dialect, of *projections.Definition) *table {
	columns := ""
	for _, c := range of.Columns {
		columns += fmt.Sprintf("%q, ", c.Name)
	}
	remove := fmt.Sprintf(`DELETE FROM {%s} AS t USING unnest($1::text[], $2::bigint[]) AS s (run_id, position)
WHERE t.run_id = s.run_id AND t.position `, of.Table)
	return &table{
		of:     of,
		copy:   d.SQL(fmt.Sprintf(`COPY {%s} (run_id, %sposition, final) FROM STDIN (FORMAT binary)`, of.Table, columns)),
		remove: d.SQL(remove + `= s.position`), removeFrom: d.SQL(remove + `>= s.position`),
	}
}

// tableStatements make the table of a projection. The primary key is the position of a row.
// The row's own key is unique by the hashes of its texts, because an index entry holds at most
// 2,700 bytes.
func tableStatements(d *sqlstore.Dialect, of *projections.Definition) []string {
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
	all := []string{d.SQL(fmt.Sprintf("CREATE TABLE {%s} (\n  %s\n)", of.Table, strings.Join(columns, ",\n  ")))}
	if !of.Single && !of.ByPosition {
		all = append(all, d.SQL(fmt.Sprintf("CREATE UNIQUE INDEX ON {%s} (run_id, %s)", of.Table, keyOf(of))))
	}
	for _, index := range of.Indexes {
		all = append(all, d.CreateIndex(of, index, indexColumns(of, index)))
	}
	return append(all, triggers(d, of.Table)...)
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
func triggers(d *sqlstore.Dialect, table string) (all []string) {
	for _, on := range []string{
		"updated AFTER UPDATE ON {%s} REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows",
		"deleted AFTER DELETE ON {%s} REFERENCING OLD TABLE AS old_rows",
		"truncated AFTER TRUNCATE ON {%s}",
	} {
		all = append(all, d.SQL(fmt.Sprintf("CREATE TRIGGER quire_project_"+on+` FOR EACH STATEMENT
WHEN (current_setting('quire_project.writer', true) IS DISTINCT FROM 'store') EXECUTE FUNCTION quire_project_void_checkpoints()`, table)))
	}
	return all
}

// indexColumns returns the columns of an index. An entry of an index has limited room, and
// text may be long: the index has the head of each text.
func indexColumns(of *projections.Definition, index projections.Index) string {
	columns := strings.Split(index.Columns, ", ")
	for i, column := range columns {
		name, order, _ := strings.Cut(column, " ")
		for _, c := range of.Columns {
			if c.Name == name && c.Type == projections.Text && c.Values == nil {
				columns[i] = strings.TrimSpace(head(name) + " " + order)
			}
		}
	}
	return strings.Join(columns, ", ")
}

// headLength is how many characters of a text an index has.
const headLength = 64

func head(text string) string { return fmt.Sprintf(`"left"(%s, %d)`, text, headLength) }

// equals returns a condition that an index on the head of the column serves.
func equals(column, text string) string {
	return head(column) + " = " + head(text) + " AND " + column + " = " + text
}

// begins returns a condition that an index on the head of the column serves, or one on the
// whole id of a run. The highest character, repeated, is above all that could follow.
func begins(column, text string) string {
	from, of := text, column
	if !strings.HasSuffix(column, "run_id") {
		from, of = head(text), head(column)
	}
	return fmt.Sprintf("%[1]s >= %[2]s AND %[1]s <= %[2]s || repeat(chr(1114111), 512) AND starts_with(%[3]s, %[4]s)", of, from, column, text)
}
