package laws

import (
	"fmt"
	"strings"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// keys is the law that, wherever a stream ends, no two rows have the same key, be they open
// or final; and that in a table of a store the row with an index keeps its key, since a store
// finds by it the version that it has.
func keys[R comparable](of *projections.Defined[R]) law[R] {
	return func(newProjection maker[R], stream []domain.Entry) error {
		before := map[int]string{}
		return atEachCut(newProjection, stream, func(o outcome[R]) error {
			at := map[string]int{}
			for _, row := range o.rows() {
				key := keyOf(of, row)
				if other, twice := at[key]; twice {
					return fmt.Errorf("rows %d and %d have the same key, %s", other, row.Index, key)
				}
				was, known := before[row.Index]
				if known && was != key && of.Table != "" {
					return fmt.Errorf("row %d has the key %s, and had %s before", row.Index, key, was)
				}
				at[key], before[row.Index] = row.Index, key
			}
			return nil
		})
	}
}

// keyOf returns a row's key as text.
func keyOf[R comparable](of *projections.Defined[R], row projections.Row[R]) string {
	var key []string
	ref := of.List(row).At(0).Value
	for _, c := range of.Keys() {
		key = append(key, fmt.Sprintf("%s=%#v", c.Name, c.Value(ref)))
	}
	return strings.Join(key, " ")
}
