package laws

import (
	"fmt"
	"testing"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// OpenPure is the law that listing the open rows changes nothing: done twice
// it gives the same, and done after every entry it leaves the rows that come
// later as they would have been.
func OpenPure[R comparable](t *testing.T, newProjection func() projections.Projection[R]) {
	t.Helper()
	check(t, Streams(), newProjection, openPure)
}

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
