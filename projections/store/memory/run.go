package memory

import (
	"maps"
	"slices"
	"time"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// run is what is stored of one run.
type run struct {
	checkpoint projections.Null[store.Checkpoint]
	tables     map[string]*table // by their names
	parked     map[parkedKey]parked
	quarantine *store.Quarantine
	kept       *kept
}

// kept is a kept stream. Only the bytes up to its mark count. It never changes.
type kept struct {
	store.Kept
	data []byte
}

// parkedKey names a parked segment of a run.
type parkedKey struct {
	offset, end int64
	tail        bool
}

type parked struct {
	domain.Segment
	since time.Time
}

func newRun() *run {
	return &run{tables: map[string]*table{}, parked: map[parkedKey]parked{}}
}

// clone returns a copy to write to.
func (r *run) clone() *run {
	c := *r
	c.tables = map[string]*table{}
	for name, t := range r.tables {
		c.tables[name] = t.clone()
	}
	c.parked = maps.Clone(r.parked)
	return &c
}

func (r *run) empty() bool {
	return !r.checkpoint.Valid && len(r.tables) == 0 && len(r.parked) == 0 && r.quarantine == nil && r.kept == nil
}

// stored reports whether the run has a checkpoint, or rows of a set's projections.
func (r *run) stored(set *projections.Set) bool {
	return r.checkpoint.Valid || r.kept != nil || slices.ContainsFunc(set.Stored(), func(of *projections.Definition) bool {
		return r.tables[of.Table] != nil && len(r.tables[of.Table].rows) > 0
	})
}

// listed returns what a list shows of the run, if it has a row of its own.
func (r *run) listed() (row store.Listed, ok bool) {
	t := r.tables[projections.RunTable.Table]
	if t == nil || t.rows[0] == nil {
		return row, false
	}
	row.Run, row.Source = *projections.RunTable.At(t.rows[0].At(0).Value), r.checkpoint.V.Source
	for label := range (&snapshot{rows: r}).Rows(projections.LabelRows.Definition) {
		row.Labels = append(row.Labels, *projections.LabelRows.At(label.Value))
	}
	return row, true
}

// clear removes the rows from tables, and the checkpoint.
func (r *run) clear(of []*projections.Definition) {
	r.checkpoint = projections.Null[store.Checkpoint]{}
	for _, d := range of {
		delete(r.tables, d.Table)
	}
}

// table returns a table to write to.
func (r *run) table(of *projections.Definition) *table {
	t := r.tables[of.Table]
	if t == nil || t.of != of && len(t.rows) == 0 {
		t = newTable(of)
	} else if t.of != of { // that of another version with the same columns
		t = t.as(of, "")
	}
	r.tables[of.Table] = t
	return t
}

// insert adds and replaces rows. If it fails, the transaction fails.
func (r *run) insert(rows *store.Rows) error {
	for _, t := range rows.Tables {
		if err := r.table(t.Of).insert(t); err != nil {
			return err
		}
	}
	return nil
}
