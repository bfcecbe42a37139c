package projections

import "github.com/quire-ci/quire-project/domain"

// Record has all rows of the built-in projections for one run.
type Record struct {
	Run         Run          `json:"run"`
	Labels      []Label      `json:"labels"`
	Jobs        []Job        `json:"jobs"`
	ShEvents    []ShEvent    `json:"sh_events"`
	Timings     Timings      `json:"timings"`
	Diagnostics []Diagnostic `json:"diagnostics"`
}

// Timings are the four kinds of rows of the projection "timings".
type Timings struct {
	Run      RunTiming   `json:"run"`
	Jobs     []JobTiming `json:"jobs"`
	ShEvents []ShTiming  `json:"sh_events"`
	Slowest  []SlowSh    `json:"slowest"`
}

// Project folds the stream of the run with the id run into its record. The record holds all
// rows in memory; if that is too much, make a [Fold] of the projections that you need.
func Project(run domain.RunID, stream Stream) (*Record, error) {
	record, fold := NewRecord(run)
	if err := fold.Drain(stream); err != nil {
		return nil, err
	}
	fold.Open()
	return record, nil
}

// NewRecord returns an empty record and the fold that fills it: with final rows as they
// come, and with open rows at each [Fold.Open].
func NewRecord(run domain.RunID) (*Record, *Fold) {
	r := &Record{
		Labels: []Label{}, Jobs: []Job{}, ShEvents: []ShEvent{}, Diagnostics: []Diagnostic{},
		Timings: Timings{Jobs: []JobTiming{}, ShEvents: []ShTiming{}, Slowest: []SlowSh{}},
	}
	return r, NewFold(run,
		Runs.Into(func(row *Row[Run]) { r.Run = row.Value }),
		LabelRows.Into(put(&r.Labels)),
		Jobs.Into(put(&r.Jobs)),
		ShEvents.Into(put(&r.ShEvents)),
		RunTimings.Into(func(row *Row[RunTiming]) { r.Timings.Run = row.Value }),
		JobTimings.Into(put(&r.Timings.Jobs)),
		ShTimings.Into(put(&r.Timings.ShEvents)),
		Slowest.Into(put(&r.Timings.Slowest)),
		Diagnostics.Into(put(&r.Diagnostics)),
	)
}

// put returns a function that stores rows at their index.
func put[R comparable](rows *[]R) func(*Row[R]) {
	return func(row *Row[R]) {
		for len(*rows) <= row.Index {
			var zero R
			*rows = append(*rows, zero)
		}
		(*rows)[row.Index] = row.Value
	}
}
