package store

import (
	"fmt"
	"slices"
	"strings"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// Run is a row of the table runs: what the run is, and how long it took.
type Run struct {
	projections.Run
	projections.RunTiming
}

// Page is a page of runs, newest first: by the time of their first event, those
// that have none last, and those of the same time in the order of their ids'
// bytes.
type Page struct {
	// After is the last run of the page before; nil for the first page.
	After *Run
	// Limit is how many runs a page has at most; 0 means 50.
	Limit int
}

// Rows are rows of one run on their way into a store; there may be more of
// the run. A row's position is its index and one; the field Final means
// nothing to a store.
type Rows struct {
	RunID       domain.RunID
	Jobs        []projections.Row[projections.Job]
	ShEvents    []projections.Row[projections.ShEvent]
	Timings     []projections.Row[projections.JobTiming]
	Diagnostics []projections.Row[projections.Diagnostic]
	// Run is the run's own row, which is known last.
	Run projections.Null[Run]
	// Stored says which of the rows are there already, in an earlier version.
	Stored Stored
}

// Stored says what is stored of a run that is continued: its own row, and rows of the
// first Jobs jobs and of the first ShEvents commands. Those of them that were final stay
// as they are; the others are replaced when they have changed.
type Stored struct {
	Run            bool
	Jobs, ShEvents int
}

// Len returns how many rows there are.
func (r *Rows) Len() int {
	n := len(r.Jobs) + len(r.ShEvents) + len(r.Timings) + len(r.Diagnostics)
	if r.Run.Valid {
		n++
	}
	return n
}

// reset empties the rows, whose memory is used again.
func (r *Rows) reset() {
	clear(r.ShEvents) // their commands keep much else alive
	clear(r.Jobs)
	clear(r.Timings)
	clear(r.Diagnostics)
	*r = Rows{Jobs: r.Jobs[:0], ShEvents: r.ShEvents[:0], Timings: r.Timings[:0], Diagnostics: r.Diagnostics[:0]}
}

// Tables is a set of the tables that rows are kept in.
type Tables uint8

// The tables of rows.
const (
	TableRuns Tables = 1 << iota
	TableJobs
	TableShEvents
	TableTimings
	TableDiagnostics

	AllTables = TableRuns | TableJobs | TableShEvents | TableTimings | TableDiagnostics
)

// Has reports whether all of tables are in the set.
func (t Tables) Has(tables Tables) bool { return t&tables == tables }

// Projections are the names by which people choose tables, in order. The
// timings of a run are columns of its own row.
var Projections = []string{"run", "jobs", "sh_events", "timings", "diagnostics"}

var tablesOf = map[string]Tables{
	"run":         TableRuns,
	"jobs":        TableJobs,
	"sh_events":   TableShEvents,
	"timings":     TableTimings | TableRuns,
	"diagnostics": TableDiagnostics,
}

// ParseTables returns the tables that projections are kept in; all of them, if
// none is named.
func ParseTables(names []string) (Tables, error) {
	if len(names) == 0 {
		return AllTables, nil
	}
	var tables Tables
	for _, name := range names {
		if !slices.Contains(Projections, name) {
			return 0, fmt.Errorf("no store keeps a projection of this name; there are %s", strings.Join(Projections, ", "))
		}
		tables |= tablesOf[name]
	}
	return tables, nil
}
