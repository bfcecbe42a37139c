package laws

import (
	"fmt"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// finalOnce is the law that a row is handed out as final at most once, and is
// not among the open ones from then on. So it never changes. What a
// projection hands out as final says so, and what it lists as open does not.
func finalOnce[R comparable](newProjection maker[R], stream []domain.Entry) error {
	o := observe(newProjection())
	handedOut := map[int]bool{}
	for i, entry := range stream {
		had := len(o.final)
		o.apply(entry)
		if err := handOut(handedOut, o.final[had:], o.open()); err != nil {
			return after(i+1, err)
		}
	}
	return nil
}

// handOut notes which rows are final now, and finds those that may not be
// there.
func handOut[R comparable](handedOut map[int]bool, final, open []projections.Row[R]) error {
	for _, row := range final {
		if !row.Final {
			return fmt.Errorf("handed out as final without being marked so: %+v", row)
		}
		if handedOut[row.Index] {
			return fmt.Errorf("handed out as final a second time: %+v", row)
		}
		handedOut[row.Index] = true
	}
	for _, row := range open {
		if row.Final {
			return fmt.Errorf("listed as open but marked final: %+v", row)
		}
		if handedOut[row.Index] {
			return fmt.Errorf("listed as open after it was final: %+v", row)
		}
	}
	return nil
}
