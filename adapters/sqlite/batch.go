package sqlite

// batch are rows on their way into a table, as the arguments of a statement.
type batch struct {
	statement
	// args are those of the rows. The run's id comes first, once; when mixed,
	// it comes first in each row.
	args []any
	text int // how many bytes of text the arguments have
}

// A batch is full with so many rows, or so many bytes of text: a command may
// have megabytes. Twice as many rows are no faster.
const (
	maxRows = 256
	maxText = 1 << 20
)

func (b *batch) full() bool { return b.rows == maxRows || b.text >= maxText }

// begin makes the batch one of rows of a run, and none yet.
func (b *batch) begin(t *table, run any) {
	b.statement, b.text = statement{table: t}, 0
	b.args = append(b.args[:0], run)
}

// mix lets the batch take rows of several runs.
func (b *batch) mix() {
	run, rows := b.args[0], b.args[1:]
	args := make([]any, 0, maxRows*(b.table.columns+1))
	for columns := b.table.columns; len(rows) > 0; rows = rows[columns:] {
		args = append(append(args, run), rows[:columns]...)
	}
	b.args, b.mixed = args, true
}

// size returns how many arguments so many rows have.
func (b *batch) size(rows int) int {
	if b.mixed {
		return rows * (b.table.columns + 1)
	}
	return 1 + rows*b.table.columns
}

// first returns the batch of the first rows.
func (b *batch) first(rows int) batch {
	part := *b
	part.rows, part.args = rows, b.args[:b.size(rows)]
	return part
}

// skip leaves the first rows out. Their arguments are lost.
func (b *batch) skip(rows int) {
	run, n := b.args[0], b.size(rows)
	if !b.mixed {
		n-- // the place of the run's id, which is needed again
		b.args[n] = run
	}
	b.rows, b.args = b.rows-rows, b.args[n:]
}

// portion returns how many of so many rows go into one statement. There are few
// sizes, so that statements are prepared once.
func portion(rows int) int {
	size := maxRows
	for size > rows {
		size /= 4
	}
	return size
}
