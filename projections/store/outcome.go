package store

import "github.com/quire-ci/quire-project/domain"

// Outcome is what became of a run's rows.
type Outcome string

// The outcomes.
const (
	// Unchanged: the rows were those of the stream already.
	Unchanged Outcome = "unchanged"
	// Added: no rows that could be relied on were there.
	Added Outcome = "added"
	// Continued: the stream had grown, and was read on.
	Continued Outcome = "continued"
	// Rewritten: the stream is not the one any more that the rows were
	// derived from, and was folded from its start.
	Rewritten Outcome = "rewritten"
	// Derived: the rows were derived again because they were asked for, or
	// were those of other reducers or of another reading.
	Derived Outcome = "derived"
	// Skipped: the stream could not be read; the rows are those from before.
	Skipped Outcome = "skipped"
	// Pruned: the run has no stream any more, and its rows were removed.
	Pruned Outcome = "pruned"
)

// Result says what became of one run.
type Result struct {
	RunID domain.RunID
	// Source is the name of its stream, Before that of the stream that the stored
	// rows came from, where that was another one.
	Source, Before string
	Outcome        Outcome
	// Events is how many the stream has, Rows how many rows were written.
	Events int64
	Rows   int
	// Err is why the stream was set aside.
	Err error
}
