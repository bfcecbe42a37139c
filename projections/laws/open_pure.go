package laws

import (
	"fmt"

	"github.com/quire-ci/quire-project/domain"
)

// openPure is the law that listing the open rows changes nothing: done twice
// it gives the same, and done after every entry it leaves the rows that come
// later as they would have been.
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
