package laws

import (
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// heeded is the law that a projection does nothing at entries of kinds that its declaration does
// not name: the rows are the same whether or not it is called for them. The other laws call it for
// all entries.
func heeded[R comparable](of *projections.Defined[R]) law[R] {
	return func(newProjection maker[R], stream []domain.Entry) error {
		called, spared := observe(newProjection()), observeAs(of.Into)
		for i := range stream {
			called.apply(stream[i])
			spared.apply(stream[i])
			if err := spared.outcome().differs(called.outcome()); err != nil {
				return after(i+1, err)
			}
		}
		return nil
	}
}
