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
	r := &Record{ // lists that are not null in JSON
		Labels: []Label{}, Jobs: []Job{}, ShEvents: []ShEvent{}, Diagnostics: []Diagnostic{},
		Timings: Timings{Jobs: []JobTiming{}, ShEvents: []ShTiming{}, Slowest: []SlowSh{}},
	}
	var members []Member
	for _, d := range Builtin.Reported() {
		members = append(members, d.Member(func(row AnyRow) { r.Take(d, row) }))
	}
	return r, NewFold(run, members...)
}

// Take stores a row of a built-in projection at its index, and reports whether of is one of
// those.
func (r *Record) Take(of *Definition, row AnyRow) bool {
	switch of {
	case Runs.Definition:
		r.Run = *Runs.At(row.Value)
	case RunTimings.Definition:
		r.Timings.Run = *RunTimings.At(row.Value)
	case LabelRows.Definition:
		put(&r.Labels, LabelRows, row)
	case Jobs.Definition:
		put(&r.Jobs, Jobs, row)
	case ShEvents.Definition:
		put(&r.ShEvents, ShEvents, row)
	case JobTimings.Definition:
		put(&r.Timings.Jobs, JobTimings, row)
	case ShTimings.Definition:
		put(&r.Timings.ShEvents, ShTimings, row)
	case Slowest.Definition:
		put(&r.Timings.Slowest, Slowest, row)
	case Diagnostics.Definition:
		put(&r.Diagnostics, Diagnostics, row)
	default:
		return false
	}
	return true
}

func put[R comparable](rows *[]R, of *Defined[R], row AnyRow) {
	for len(*rows) <= row.Index {
		var zero R
		*rows = append(*rows, zero)
	}
	(*rows)[row.Index] = *of.At(row.Value)
}
