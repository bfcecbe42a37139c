package laws

import (
	"fmt"
	"slices"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// local is the law that an open row is of one job, or of one sh, and changes only with
// the events that name it; or that it comes whenever it is asked for. So a store need
// not write again what is open.
func local[R comparable](newProjection maker[R], stream []domain.Entry) error {
	for _, every := range []int{1, 3, 10, len(stream)} {
		if err := localBy(newProjection, stream, max(1, every)); err != nil {
			return err
		}
	}
	return nil
}

// localBy keeps the rows of an observer as a store does, and compares every few entries.
func localBy[R comparable](newProjection maker[R], stream []domain.Entry, every int) error {
	o := observe(newProjection())
	kept, finals := map[int]projections.Row[R]{}, 0
	o.fold.Mark()
	for i, entry := range stream {
		if o.apply(entry); (i+1)%every != 0 {
			continue
		}
		for _, row := range slices.Concat(o.final[finals:], o.changed(whole)) {
			kept[row.Index] = row
		}
		finals = len(o.final)
		o.fold.Mark()
		for _, want := range o.outcome().rows() {
			if got := kept[want.Index]; got != want {
				return after(i+1, fmt.Errorf("row %d has changed from %+v to %+v, and the events were not of its job", want.Index, got, want))
			}
		}
	}
	return nil
}
