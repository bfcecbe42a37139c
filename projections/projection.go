package projections

// Projection is a reducer: it folds the events of one run into rows of type R.
//
// Its state is what encoding/json sees of it: a projection that is marshalled,
// and unmarshalled into a fresh one, goes on as if nothing had happened. Most
// have little, since [Tracker] keeps what all of them need.
//
// An implementation is held to the contract by projections/laws.
type Projection[R comparable] interface {
	// Reduce takes one step and appends the rows that it made final, with their
	// Final set. The step is valid until Reduce returns; the strings in it as long as
	// they are held.
	Reduce(step *Step, final []Row[R]) []Row[R]
	// Open appends the rows that are not final, in the version of now, in
	// order of their index. It changes nothing. What it makes of run's Jobs and
	// EachOpenSh is a row of each, which changes only with the events of that job: of
	// a large run it is asked for a part at a time, see [Fold.OpenParts].
	Open(run *Tracker, open []Row[R]) []Row[R]
}

// Row is a row of a projection.
type Row[R comparable] struct {
	// Index is the row's place in the projection, from 0, and its identity:
	// versions of one row have the same index. At the end of a stream the
	// indexes of the final and the open rows together count from 0 up.
	Index int
	// Final rows are handed out once and never change.
	Final bool
	Value R
}

// addFinal adds a final row, and addOpen one that is not, for the caller to
// fill in: a row that is made elsewhere would be copied several times.
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
