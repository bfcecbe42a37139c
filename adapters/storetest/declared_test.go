package storetest

import (
	"testing"

	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
)

// The suite's own projections are ones that a store can keep.
func TestDeclared(t *testing.T) {
	Tries(t, enough)
	check(t, everyTypes)
	check(t, marks)
	check(t, turns)
	check(t, crowds)
	check(t, retries, laws.Except("bounded")) // any command may come once more
}

func check[R comparable](t *testing.T, of *projections.Defined[R], options ...laws.Option) {
	t.Run(of.Name, func(t *testing.T) { laws.Check(t, of, options...) })
}
