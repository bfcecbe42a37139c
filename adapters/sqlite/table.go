package sqlite

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// table is how rows are put into a table: many with one statement, because a
// statement costs more than a row.
type table struct {
	into string // INSERT INTO table (run_id, more columns)
	// columns is how many columns there are beside the run's id.
	columns int
	also    string // values of columns that are no arguments
}

// statement returns the one that inserts so many rows. Where they are all of one
// run, its id is an argument only once: arguments are a third of what inserting
// costs.
func (t *table) statement(rows int, mixed bool) string {
	run := "(?1"
	if mixed {
		run = "(?"
	}
	row := run + strings.Repeat(",?", t.columns) + t.also + ")"
	return t.into + " VALUES " + strings.Repeat(row+",", rows-1) + row
}

// The time is that of SQLite, so that all programs tell it in the same way.
var checkpoints = &table{`REPLACE INTO checkpoints (run_id, bytes, lines, events, sha256, end_bytes, end_lines, end_sha256, projections, reading, source, state,
updated_at)`, 11, `,strftime('%Y-%m-%dT%H:%M:%fZ', 'now')`}

func appendCheckpoint(args []any, c *store.Checkpoint) []any {
	return append(args, c.Bytes, c.Lines, c.Events, hex.EncodeToString(c.SHA256[:]),
		c.End.Bytes, c.End.Lines, hex.EncodeToString(c.End.SHA256[:]), c.Projections, c.Reading, c.Source, c.State)
}

// tables are how rows of a projection are put into its table: rows that are new and rows
// that replace others, each open or final.
type tables struct {
	of   *projections.Definition
	ways [2][2]*table
	// values are those that a column of few values can have, as arguments, which would
	// be allocated for each row.
	values [][]any
}

func newTables(of *projections.Definition) *tables {
	t := &tables{of: of}
	columns := ""
	for i := range of.Columns {
		c := &of.Columns[i]
		columns += fmt.Sprintf("%q, ", c.Name)
		var values []any
		for _, value := range c.Values {
			values = append(values, value)
		}
		t.values = append(t.values, values)
	}
	for replaces, verb := range []string{"INSERT OR ROLLBACK", "REPLACE"} {
		for final := range 2 {
			t.ways[replaces][final] = &table{
				fmt.Sprintf("%s INTO %q (run_id, %sposition, final)", verb, of.Table, columns), len(of.Columns) + 1, fmt.Sprintf(",%d", final),
			}
		}
	}
	return t
}

// way returns how a row is put into the table of which so many rows are stored.
func (t *tables) way(row projections.AnyRow, stored int) *table {
	replaces, final := 0, 0
	if row.Index < stored {
		replaces = 1
	}
	if row.Final {
		final = 1
	}
	return t.ways[replaces][final]
}

// append appends the arguments of a row, without the run's id, and adds to text how many
// bytes of text they have.
func (t *tables) append(args []any, row projections.AnyRow, text *int) []any {
	for i := range t.of.Columns {
		switch c := &t.of.Columns[i]; {
		case c.IsNull(row.Value):
			args = append(args, nil)
		case c.Type == projections.Int:
			args = append(args, c.Int(row.Value))
		case c.Type == projections.Bool:
			args = append(args, c.Bool(row.Value))
		default:
			value := c.Text(row.Value)
			*text += len(value)
			if known := slices.Index(c.Values, value); known >= 0 {
				args = append(args, t.values[i][known])
			} else {
				args = append(args, value)
			}
		}
	}
	return append(args, int64(row.Index)+1)
}
