package sqlite

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/quire-ci/quire-project/adapters/internal/sqlstore"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// table is one way to put rows into a table.
type table struct {
	into    string // INSERT INTO table (run_id, more columns)
	columns int    // without the run's id
	also    string // values that are not arguments
}

// statement inserts a number of rows into a table. One statement costs more than one row.
type statement struct {
	table *table
	rows  int
	mixed bool // the rows belong to several runs
}

// sql returns the statement's text. If it is not mixed, the run's id is a single argument:
// a third of the time for an insert goes into its arguments.
func (s statement) sql() string {
	run := "(?1"
	if s.mixed {
		run = "(?"
	}
	row := run + strings.Repeat(",?", s.table.columns) + s.table.also + ")"
	return s.table.into + " VALUES " + strings.Repeat(row+",", s.rows-1) + row
}

// newCheckpoints returns how to set checkpoints. The time is SQLite's, so that all programs use
// the same clock and format.
func newCheckpoints(d *sqlstore.Dialect) *table {
	return &table{d.SQL(`REPLACE INTO {checkpoints} (` + sqlstore.CheckpointNames + `, updated_at)`), 11, `,strftime('%Y-%m-%dT%H:%M:%fZ', 'now')`}
}

func appendCheckpoint(args []any, c *store.Checkpoint) []any {
	return append(args, c.Bytes, c.Lines, c.Events, hex.EncodeToString(c.SHA256[:]),
		c.End.Bytes, c.End.Lines, hex.EncodeToString(c.End.SHA256[:]), c.Projections, c.ReadOptions, c.Source, c.State)
}

// tables are the ways to put rows of a projection into its table: new rows and rows that
// replace others, each open or final.
type tables struct {
	of   *projections.Definition
	ways [2][2]*table
	// values are the possible values of columns with few values. As arguments they would
	// be allocated for each row.
	values [][]any
}

func newTables(d *sqlstore.Dialect, of *projections.Definition) *tables {
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
				d.SQL(fmt.Sprintf("%s INTO {%s} (run_id, %sposition, final)", verb, of.Table, columns)), len(of.Columns) + 1, fmt.Sprintf(",%d", final),
			}
		}
	}
	return t
}

// way returns how to put a row into the table, which has a number of rows of the run.
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

// append appends the arguments of a row without the run's id, and adds the size of its texts to
// text.
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

// batch collects the arguments of a statement.
type batch struct {
	statement
	// args are the arguments. The run's id comes first; if the batch is mixed, it
	// comes first in each row.
	args []any
	text int // the size of all texts in args
}

// A batch is full at this number of rows or this size of texts, because a command may
// have megabytes. Twice as many rows are no faster.
const (
	maxRows = 256
	maxText = 1 << 20
)

func (b *batch) full() bool { return b.rows == maxRows || b.text >= maxText }

// reset empties the batch, for rows of a run.
func (b *batch) reset(t *table, run any) {
	b.statement, b.text = statement{table: t}, 0
	b.args = append(b.args[:0], run)
}

// mix prepares the batch for rows of several runs.
func (b *batch) mix() {
	run, rows := b.args[0], b.args[1:]
	args := make([]any, 0, maxRows*(b.table.columns+1))
	for columns := b.table.columns; len(rows) > 0; rows = rows[columns:] {
		args = append(append(args, run), rows[:columns]...)
	}
	b.args, b.mixed = args, true
}

// size returns the number of arguments of a number of rows.
func (b *batch) size(rows int) int {
	if b.mixed {
		return rows * (b.table.columns + 1)
	}
	return 1 + rows*b.table.columns
}

// first returns a batch of the first rows.
func (b *batch) first(rows int) batch {
	part := *b
	part.rows, part.args = rows, b.args[:b.size(rows)]
	return part
}

// skip removes the first rows, and overwrites their arguments.
func (b *batch) skip(rows int) {
	run, n := b.args[0], b.size(rows)
	if !b.mixed {
		n-- // for the run's id, which the rest needs too
		b.args[n] = run
	}
	b.rows, b.args = b.rows-rows, b.args[n:]
}

// portion returns how many of a number of rows one statement inserts. There are few
// sizes, so that each statement is prepared once.
func portion(rows int) int {
	size := maxRows
	for size > rows {
		size /= 4
	}
	return size
}
