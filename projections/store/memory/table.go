package memory

import (
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// table holds rows by their key.
type table[K, R comparable] map[K]projections.Row[R]

// insert adds rows that are not there, and replaces those of the first stored indexes,
// which are.
func (t table[K, R]) insert(name string, rows []projections.Row[R], stored int, key func(*projections.Row[R]) K) error {
	for i := range rows {
		row, k := rows[i], key(&rows[i])
		if row.Index < 0 {
			return fmt.Errorf("memory: %s: the index of row %+q is %d", name, fmt.Sprint(k), row.Index)
		}
		before, there := t[k]
		if there != (row.Index < stored) {
			return errThere(name, k, there)
		}
		if there && before.Index != row.Index {
			return fmt.Errorf("memory: %s: the index of row %+q was %d, and is %d", name, fmt.Sprint(k), before.Index, row.Index)
		}
		row.Final = false // which means nothing to a store
		t[k] = row
	}
	return nil
}

// check finds rows that have the same place.
func (t table[K, R]) check(name string) error {
	at := map[int]K{}
	for key, row := range t {
		if other, taken := at[row.Index]; taken {
			return fmt.Errorf("%s: the rows %+q and %+q have the index %d", name, fmt.Sprint(key), fmt.Sprint(other), row.Index)
		}
		at[row.Index] = key
	}
	return nil
}

// sorted returns the rows in the order of their positions.
func (t table[K, R]) sorted() []projections.Row[R] {
	return slices.SortedFunc(maps.Values(t), byIndex[R])
}

func byIndex[R comparable](a, b projections.Row[R]) int { return a.Index - b.Index }

// yield yields rows for as long as the view lasts that they were read in.
func yield[R comparable](view *snapshot, rows func() []projections.Row[R]) iter.Seq2[projections.Row[R], error] {
	return func(yield func(projections.Row[R], error) bool) {
		if view.over {
			yield(projections.Row[R]{}, errOver)
			return
		}
		for _, row := range rows() {
			if !yield(row, nil) {
				return
			}
		}
	}
}

func errThere(table string, key any, there bool) error {
	if there {
		return fmt.Errorf("memory: %s: the row %+q is there already", table, fmt.Sprint(key))
	}
	return fmt.Errorf("memory: %s: the row %+q is to be replaced, and is not there", table, fmt.Sprint(key))
}

func errOther(run, other domain.RunID) error {
	return fmt.Errorf("memory: runs: the row of %+q is among those of %+q", other, run)
}
