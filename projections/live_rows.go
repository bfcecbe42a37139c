package projections

import (
	"math"

	"github.com/quire-ci/quire-project/domain"
)

// LiveRows folds a run that is still growing, and holds the rows that have changed.
type LiveRows struct {
	fold  *Fold
	of    []*Definition
	lists []Rows
}

// NewLiveRows returns the rows of some projections of a run before its first event.
func NewLiveRows(run domain.RunID, of ...*Definition) *LiveRows {
	l := &LiveRows{of: of}
	members := make([]Member, len(of))
	for i, d := range of {
		l.lists = append(l.lists, d.NewRows())
		members[i] = d.Member(func(row AnyRow) { l.lists[i].Add(row) })
	}
	l.fold = NewFold(run, members...)
	return l
}

// Apply folds entries. It does not keep them.
func (l *LiveRows) Apply(entries []domain.Entry) {
	for i, list := range l.lists {
		if list.Len() > maxKeptRows {
			l.lists[i] = l.of[i].NewRows() // do not keep the memory of many rows
		}
		l.lists[i].Reset()
	}
	for i := range entries {
		l.fold.Apply(&entries[i])
	}
	l.fold.Detach()
	_ = l.fold.OpenParts(math.MaxInt, func() error { return nil })
	l.fold.Mark()
}

// Each calls take with the rows that the latest Apply has changed, one projection after the other. A row
// is valid until the next Apply.
func (l *LiveRows) Each(take func(*Definition, AnyRow)) {
	for i, list := range l.lists {
		for j := range list.Len() {
			take(l.of[i], list.At(j))
		}
	}
}
