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
	into  []func(Rows) // sets the list of a member
}

// NewLiveRows returns the rows of some projections of a run before its first event.
func NewLiveRows(run domain.RunID, of ...*Definition) *LiveRows {
	l := &LiveRows{of: of}
	members := make([]Member, len(of))
	for i, d := range of {
		member, into := d.gather(func(int) {})
		members[i], l.into = member, append(l.into, into)
		l.lists = append(l.lists, d.NewRows())
		into(l.lists[i])
	}
	l.fold = NewFold(run, members...)
	return l
}

// Apply folds entries. It does not keep them.
func (l *LiveRows) Apply(entries []domain.Entry) {
	for i, list := range l.lists {
		if list.Len() > maxKeptRows && len(entries) <= maxKeptRows {
			l.lists[i] = l.of[i].NewRows() // do not keep the memory of many rows
			l.into[i](l.lists[i])
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
