package store

import (
	"sync"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// Run is a row of the table runs: what the run is, and how long it took.
type Run = projections.RunRow

// Page is a page of runs, newest first by the time of their first event. Runs without events
// come last, and those of the same time in the order of their ids' bytes.
type Page struct {
	// After is the last run of the previous page; nil for the first page.
	After *Run
	// Limit is how many runs a page has at most; 0 means 50.
	Limit int
}

// Rows are some rows of one run on their way into a store. A row's position is its index plus
// one.
type Rows struct {
	RunID domain.RunID
	// Continued says that the run is stored, and these rows are added to it.
	Continued bool
	Tables    []TableRows

	spare *sync.Pool // to which the rows return
}

// TableRows are rows of one table.
type TableRows struct {
	Of *projections.Definition
	projections.Rows
	// Stored is how many rows of the table a continued run has in the store. A row whose
	// index is below it replaces the stored one, which has the same key.
	Stored int
}

// RowsOf returns rows of a projection that are not stored yet.
func RowsOf[R comparable](of *projections.Defined[R], rows ...projections.Row[R]) TableRows {
	return TableRows{Of: of.Definition, Rows: of.List(rows...)}
}

// Len returns how many rows there are.
func (r *Rows) Len() (n int) {
	for _, t := range r.Tables {
		n += t.Rows.Len()
	}
	return n
}
