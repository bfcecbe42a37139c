package projections

// AnyRow is a [Row] whose type only its [Definition] knows.
type AnyRow struct {
	Index int
	Final bool
	Value Ref
}

// Rows is a list of rows of one projection, whatever their type is.
type Rows interface {
	Len() int
	At(i int) AnyRow
	// Add adds a copy of a row.
	Add(row AnyRow)
	// New adds a row that is to be filled in.
	New(index int, final bool) Ref
	// Put puts a copy of a row in the i-th place; places before it that do not exist yet
	// are empty.
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
	clear(r.rows[:n]) // lets go of the texts
	r.rows = r.rows[n:]
}

func (r *rowsOf[R]) Reset() {
	clear(r.rows) // lets go of the texts
	r.rows = r.rows[:0]
}
