package projections

// Projection is a reducer: it folds the events of one run into rows of type R.
//
// Its state is in the fields that encoding/json encodes: after a projection is marshalled
// and unmarshalled into a new one, the new one continues like the old. Most projections have
// little state, since [Tracker] keeps what all of them need.
//
// The package projections/laws checks an implementation.
type Projection[R comparable] interface {
	// Reduce takes one step and appends the rows that the step makes final, with Final set.
	// The step is valid until Reduce returns; its strings stay valid.
	Reduce(step *Step, final []Row[R]) []Row[R]
	// Open appends the rows that are not final, in their current version and in order of
	// index. It changes nothing. If it asks run for Jobs or EachOpenSh, it makes one row of
	// each, which changes only with the events of that job: in a large run it gets a part of
	// them at a time, see [Fold.OpenParts].
	Open(run *Tracker, open []Row[R]) []Row[R]
}

// Row is a row of a projection.
type Row[R comparable] struct {
	// Index is the row's place in the projection, from 0, and its identity: all versions of
	// a row have the same index. At the end of a stream, the final and the open rows
	// together have all indexes from 0 up.
	Index int
	// Final says that the row never changes. A final row is handed out once.
	Final bool
	Value R
}

// addFinal adds a final row, and addOpen an open one, for the caller to fill in: a row that
// is made elsewhere is copied several times.
func addFinal[R comparable](rows []Row[R], index int) ([]Row[R], *R) {
	rows, value := addOpen(rows, index)
	rows[len(rows)-1].Final = true
	return rows, value
}

func addOpen[R comparable](rows []Row[R], index int) ([]Row[R], *R) {
	rows = append(rows, Row[R]{})
	row := &rows[len(rows)-1]
	row.Index = index
	return rows, &row.Value
}
