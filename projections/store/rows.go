package store

import (
	"sync"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// Run is a row of the table runs: the state of a run and its timings.
type Run = projections.RunRow

// Listed is a run in a list, at one moment.
type Listed struct {
	Run
	// Labels are in the order of their rows.
	Labels []projections.Label
	// Source is the Source of the run's [Checkpoint]; empty if it has none.
	Source string
}

// Page selects a page of runs, newest first by the time of their first event. Runs without events
// come last; runs with the same time are in the order of their ids' bytes. A run must match all
// fields that are set.
type Page struct {
	// State is the state of the runs.
	State projections.State
	// Ended tells runs with a run_finished from those without.
	Ended projections.Null[bool]
	// Label is a label that the runs have.
	Label *projections.Label
	// Text begins the id or the value of a label of each run. No run matches a text that is
	// not UTF-8.
	Text string

	// After is the run before the page, such as the last one of the previous page. Of Before
	// and After, set one at most; of the run, its id and StartedAtMs are read.
	After *Run
	// Before is the run after the page. The page has the last runs before it.
	Before *Run
	// Limit is the maximum number of runs of a page; 0 means 50. To learn whether there are more,
	// request one more than you show: for a page with Before, that is the first one.
	Limit int
}

// Rows are some rows of one run on their way into a store. A row's position is its index plus
// one.
type Rows struct {
	RunID domain.RunID
	// Continued says that the run is stored, and these rows are added to it.
	Continued bool
	Tables    []TableRows
	// Stream has the next bytes of the stream that the rows are of, if they are to be kept.
	Stream [][]byte

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
