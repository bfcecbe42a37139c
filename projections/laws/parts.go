package laws

import (
	"fmt"
	"slices"

	"github.com/quire-ci/quire-project/domain"
)

// parts is the law that it does not matter into how many parts [projections.Fold.OpenParts]
// divides what is open: together they are rows that Open lists, each once. So what Open makes
// of the tracker's jobs and open sh is a row of each, and nothing beside it.
func parts[R comparable](newProjection maker[R], stream []domain.Entry) error {
	for _, every := range []int{1, 3, 10, len(stream)} {
		o := observe(newProjection())
		for i, entry := range stream {
			if o.apply(entry); (i+1)%every != 0 {
				continue
			}
			if err := o.divided(); err != nil {
				return after(i+1, err)
			}
			o.fold.Mark()
		}
	}
	return nil
}

// divided finds out whether the parts of what has changed are it.
func (o *observer[R]) divided() error {
	open := o.open()
	atOnce, each := outcome[R]{open: o.changed(whole)}.rows(), outcome[R]{open: o.changed(1)}.rows()
	for _, row := range atOnce {
		if !slices.Contains(open, row) {
			return fmt.Errorf("handed over as changed, but not open: %+v", row)
		}
	}
	if err := differ("changed", each, atOnce); err != nil {
		return fmt.Errorf("handed over a job and a sh at a time: %w", err)
	}
	return nil
}
