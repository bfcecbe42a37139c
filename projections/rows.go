package projections

// AnyRow is a [Row] of any projection. Its [Definition] knows the type.
type AnyRow struct {
	Index int
	Final bool
	Value Ref
}

// Rows is a list of rows of one projection, of any type.
type Rows interface {
	Len() int
	At(i int) AnyRow
	// Add adds a copy of a row.
	Add(row AnyRow)
	// New adds an empty row, for the caller to fill in.
	New(index int, final bool) Ref
	// Put stores a copy of a row at index i, and adds empty rows before it if the list is
	// shorter.
	Put(i int, row AnyRow)
	// Drop removes the first n rows.
	Drop(n int)
	// Reset removes all rows and keeps their memory.
	Reset()
}

type rowsOf[R comparable] struct{ rows []Row[R] }

func (r *rowsOf[R]) Len() int { return len(r.rows) }

func (r *rowsOf[R]) At(i int) AnyRow {
	row := &r.rows[i]
	return AnyRow{row.Index, row.Final, refTo(&row.Value)}
}

func (r *rowsOf[R]) Add(row AnyRow) {
	r.rows = append(r.rows, Row[R]{row.Index, row.Final, *(*R)(row.Value.p)})
}

func (r *rowsOf[R]) New(index int, final bool) Ref {
	r.rows = append(r.rows, Row[R]{Index: index, Final: final})
	return refTo(&r.rows[len(r.rows)-1].Value)
}

func (r *rowsOf[R]) Put(i int, row AnyRow) {
	for len(r.rows) <= i {
		r.rows = append(r.rows, Row[R]{})
	}
	r.rows[i] = Row[R]{row.Index, row.Final, *(*R)(row.Value.p)}
}

func (r *rowsOf[R]) Drop(n int) {
	clear(r.rows[:n]) // frees the texts
	r.rows = r.rows[n:]
}

func (r *rowsOf[R]) Reset() {
	clear(r.rows) // frees the texts
	r.rows = r.rows[:0]
}
