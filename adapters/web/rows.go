package web

import (
	"maps"
	"slices"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// rows are all rows of one run: rows of built-in projections with their types, and rows of added
// ones as text.
type rows struct {
	*projections.Record
	added map[*projections.Definition][][]string
}

func newRows(run domain.RunID) *rows {
	record, _ := projections.NewRecord(run)
	return &rows{record, map[*projections.Definition][][]string{}}
}

// clone returns a copy that can be changed independently.
func (r *rows) clone() *rows {
	record := *r.Record
	record.Labels, record.Jobs, record.ShEvents = slices.Clone(r.Labels), slices.Clone(r.Jobs), slices.Clone(r.ShEvents)
	t := &record.Timings
	t.Jobs, t.ShEvents, t.Slowest = slices.Clone(t.Jobs), slices.Clone(t.ShEvents), slices.Clone(t.Slowest)
	record.Diagnostics = slices.Clone(r.Diagnostics)
	added := maps.Clone(r.added)
	for of := range added {
		added[of] = slices.Clone(added[of])
	}
	return &rows{&record, added}
}

// take stores a row.
func (r *rows) take(of *projections.Definition, row projections.AnyRow) {
	if r.Take(of, row) {
		return
	}
	list := r.added[of]
	for len(list) <= row.Index {
		list = append(list, nil)
	}
	cells := make([]string, len(of.Columns))
	for i := range of.Columns {
		cells[i] = cell(&of.Columns[i], row.Value)
	}
	list[row.Index] = cells
	r.added[of] = list
}

// isLive reports whether a command may still write to its log.
func (r *rows) isLive(command int) bool {
	id := r.ShEvents[command].JobID
	ofJob := func(sh projections.ShEvent) bool { return sh.JobID == id }
	job := slices.IndexFunc(r.Jobs, func(job projections.Job) bool { return job.JobID == id })
	return !r.Run.Ended && !r.ShEvents[command].FinishedAtMs.Valid && r.Jobs[job].State == projections.Active && !slices.ContainsFunc(r.ShEvents[command+1:], ofJob)
}
