package laws_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
)

// Rows that are drawn have in each column other values, and null where it may be.
func TestRowsAreDrawnWhole(t *testing.T) {
	of := projections.Define(projections.Declaration[laws.EveryType]{Name: "every", Version: 1, Key: []string{"text"}})
	rows, first := laws.Row(of, laws.Text()), of.NewRows()
	*of.At(first.New(0, false)) = rows.Example(0)
	for _, c := range of.Columns {
		nulls, others := false, false
		for seed := range 50 {
			list := of.List(projections.Row[laws.EveryType]{Value: rows.Example(seed)})
			nulls = nulls || c.IsNull(list.At(0).Value)
			others = others || !c.Equal(list.At(0).Value, first.At(0).Value)
		}
		assert.Equal(t, c.Nullable, nulls, c.Name)
		assert.True(t, others, c.Name)
	}
}
