package laws

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// finalOnce is the law that a row is handed out as final at most once, and is never listed as open
// afterwards. So a final row never changes. Rows are marked as final or open accordingly.
func finalOnce[R comparable](newProjection maker[R], stream []domain.Entry) error {
	had, handedOut := 0, map[int]bool{}
	return atEachCut(newProjection, stream, func(o outcome[R]) error {
		err := handOut(handedOut, o.final[had:], o.open)
		had = len(o.final)
		return err
	})
}

// handOut records which rows are final now, and returns an error for rows that must not appear.
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

// indexed is the law that, wherever a stream ends, the indexes of the final and open rows together
// are 0, 1, 2 and so on, each once; and that open rows are listed in order of their index.
func indexed[R comparable](newProjection maker[R], stream []domain.Entry) error {
	return atEachCut(newProjection, stream, func(o outcome[R]) error {
		if !slices.IsSortedFunc(o.open, func(a, b projections.Row[R]) int { return cmp.Compare(a.Index, b.Index) }) {
			return fmt.Errorf("open rows are not in order of their index: %+v", o.open)
		}
		for i, row := range o.rows() {
			if row.Index != i {
				return fmt.Errorf("rows do not count from 0 up: where %d was due there is %+v", i, row)
			}
		}
		return nil
	})
}

// kept is the law that a row never disappears: a longer stream has no fewer rows. A store replaces
// rows by later versions, and removes none.
func kept[R comparable](newProjection maker[R], stream []domain.Entry) error {
	before := 0
	return atEachCut(newProjection, stream, func(o outcome[R]) error {
		rows := len(o.final) + len(o.open)
		if rows < before {
			return fmt.Errorf("there are %d rows, and there were %d before", rows, before)
		}
		before = rows
		return nil
	})
}

// fitting is the law that each value is one that its column allows, as schemas and tables say: one
// of the listed texts, or an integer not below the minimum.
func fitting[R comparable](of *projections.Defined[R]) law[R] {
	return func(newProjection maker[R], stream []domain.Entry) error {
		return atEachCut(newProjection, stream, func(o outcome[R]) (err error) {
			for i, row := range o.rows() {
				ref := of.List(row).At(0).Value
				for _, c := range of.Columns {
					switch {
					case c.IsNull(ref):
					case c.Values != nil && !slices.Contains(c.Values, c.Text(ref)):
						err = errors.Join(err, fmt.Errorf("row %d: %s is %q, which is none of %q", i, c.Name, c.Text(ref), c.Values))
					case c.Type == projections.Int && c.Int(ref) < c.Min:
						err = errors.Join(err, fmt.Errorf("row %d: %s is %d, less than %d", i, c.Name, c.Int(ref), c.Min))
					}
				}
			}
			return err
		})
	}
}

// single is the law that a projection declared as single has exactly one row, wherever a stream
// ends and even before its first entry; and that the row is never final.
func single[R comparable](newProjection maker[R], stream []domain.Entry) error {
	return atEachCut(newProjection, stream, func(o outcome[R]) error {
		if len(o.final) > 0 || len(o.open) != 1 || o.open[0].Index != 0 {
			return fmt.Errorf("there is not one open row with index 0, but final %+v and open %+v", o.final, o.open)
		}
		return nil
	})
}

// keys is the law that, wherever a stream ends, no two rows have the same key, whether open or
// final; and that, in a table of a store, the row with an index keeps its key, by which the store
// finds the version that it has.
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
