package laws

import (
	"fmt"
	"slices"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// openPure is the law that listing the open rows changes nothing: listing them twice gives the same
// rows, and listing them after every entry does not change later rows.
func openPure[R comparable](newProjection maker[R], stream []domain.Entry) error {
	never, always := observe(newProjection()), observe(newProjection())
	for i, entry := range stream {
		if err := differ("open", always.open(), always.open()); err != nil {
			return after(i, fmt.Errorf("listed twice: %w", err))
		}
		never.apply(entry)
		always.apply(entry)
	}
	if err := always.outcome().differs(never.outcome()); err != nil {
		return fmt.Errorf("listing the open rows after each entry has changed the outcome: %w", err)
	}
	return nil
}

// prefixes is the law that a stream that is cut after any entry gives the rows that the whole
// stream had at that point: the final ones so far, and the open ones.
func prefixes[R comparable](newProjection maker[R], stream []domain.Entry) error {
	whole := observe(newProjection())
	for cut := range len(stream) + 1 {
		prefix := observe(newProjection()).apply(stream[:cut]...).outcome()
		if err := prefix.differs(whole.outcome()); err != nil {
			return after(cut, err)
		}
		whole.apply(stream[cut:min(cut+1, len(stream))]...)
	}
	return nil
}

// local is the law that an open row belongs to one job or one command, and changes only with events
// that name it; otherwise the projection must list it each time. So a store need not rewrite
// unchanged open rows.
func local[R comparable](newProjection maker[R], stream []domain.Entry) error {
	for _, every := range []int{1, 3, 10, len(stream)} {
		if err := localBy(newProjection, stream, max(1, every)); err != nil {
			return err
		}
	}
	return nil
}

// localBy keeps the rows of an observer as a store does, and compares them every few entries.
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

// parts is the law that the number of parts into which [projections.Fold.OpenParts] divides the
// open rows does not matter: together, the parts have the rows that Open lists, each once. So Open
// must derive each row from one job or open command of the tracker.
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

// divided compares the rows that have changed, listed in parts, with those listed at once.
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
