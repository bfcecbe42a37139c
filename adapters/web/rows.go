package web

import (
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// rows are all rows of one run: those of built-in projections with their types, and those of
// added ones as text.
type rows struct {
	*projections.Record
	added map[*projections.Definition][][]string
}

func newRows(run domain.RunID) *rows {
	record, _ := projections.NewRecord(run)
	return &rows{record, map[*projections.Definition][][]string{}}
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
