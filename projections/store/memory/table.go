package memory

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// table holds the rows that a run has in one table.
type table struct {
	of   *projections.Definition
	rows map[int]projections.Rows // by index, one each, which is never changed
	keys map[string]int           // the index of the row with a key
}

func newTable(of *projections.Definition) *table {
	return &table{of: of, rows: map[int]projections.Rows{}, keys: map[string]int{}}
}

func (t *table) clone() *table {
	return &table{of: t.of, rows: maps.Clone(t.rows), keys: maps.Clone(t.keys)}
}

// as returns the table with the rows of another version of its projection: the columns that both
// have, and the zero value in others.
func (t *table) as(of *projections.Definition, run domain.RunID) *table {
	as := newTable(of)
	for index, row := range t.rows {
		rows := of.NewRows()
		ref := rows.New(index, row.At(0).Final)
		of.SetRun(ref, run)
		for i := range of.Columns {
			_ = of.Columns[i].Set(ref, t.value(of.Columns[i], row.At(0).Value)) // of the same type
		}
		as.rows[index], as.keys[as.key(rows.At(0))] = rows, index
	}
	return as
}

// value returns the value that a row has for a column of another version.
func (t *table) value(c projections.Column, row projections.Ref) any {
	for i := range t.of.Columns {
		own := &t.of.Columns[i]
		if own.Name != c.Name || own.Type != c.Type || own.Bits != c.Bits {
			continue
		}
		if value := own.Value(row); value != nil || c.Nullable {
			return value
		}
	}
	switch {
	case c.Nullable:
		return nil
	case c.Type == projections.Text:
		return ""
	}
	return int64(0)
}

// key returns the key of a row as text.
func (t *table) key(row projections.AnyRow) string {
	if t.of.ByPosition {
		return strconv.Itoa(row.Index)
	}
	var key []byte
	for _, c := range t.of.Keys() {
		switch v := c.Value(row.Value).(type) {
		case string:
			key = strconv.AppendQuoteToASCII(key, v)
		default:
			key = fmt.Append(key, v)
		}
		key = append(key, ' ')
	}
	return string(key)
}

// insert adds rows, and replaces the stored ones, which keep their keys.
func (t *table) insert(rows store.TableRows) error {
	for i := range rows.Len() {
		row := rows.At(i)
		key := t.key(row)
		before, there := t.rows[row.Index]
		at, taken := t.keys[key]
		switch {
		case row.Index < 0:
			return t.wrong("the index of row %s is %d", key, row.Index)
		case taken && at != row.Index:
			return t.wrong("row %d has the key %s of row %d", row.Index, key, at)
		case there && row.Index >= rows.Stored:
			return t.wrong("row %d, %s, is there already", row.Index, key)
		case !there && row.Index < rows.Stored:
			return t.wrong("row %d, %s, is to be replaced, and is not there", row.Index, key)
		case there && t.key(before.At(0)) != key:
			return t.wrong("row %d had another key than %s", row.Index, key)
		case there && before.At(0).Final:
			return t.wrong("row %d, %s, is to be replaced, and is final", row.Index, key)
		}
		copied := t.of.NewRows()
		copied.Add(row)
		t.rows[row.Index], t.keys[key] = copied, row.Index
	}
	return nil
}

func (t *table) truncate(length int) {
	for index, row := range t.rows {
		if index >= length {
			delete(t.keys, t.key(row.At(0)))
			delete(t.rows, index)
		}
	}
}

func (t *table) wrong(format string, args ...any) error {
	return fmt.Errorf("memory: %s: %s", t.of.Table, fmt.Sprintf(format, args...))
}

// same reports whether two tables have the same columns and rows. A table that is not there has no
// rows.
func (t *table) same(other *table) bool {
	switch {
	case t == nil:
		return other == nil || len(other.rows) == 0
	case other == nil:
		return len(t.rows) == 0
	case len(t.rows) != len(other.rows) || t.of.Describe() != other.of.Describe():
		return false
	}
	for index, row := range t.rows {
		counterpart, there := other.rows[index]
		differs := func(c projections.Column) bool { return !c.Equal(row.At(0).Value, counterpart.At(0).Value) }
		if !there || slices.ContainsFunc(t.of.Columns, differs) {
			return false
		}
	}
	return true
}

// all yields the rows in the order of their positions, until the view is over.
func (t *table) all(view *snapshot) iter.Seq2[projections.AnyRow, error] {
	return func(yield func(projections.AnyRow, error) bool) {
		if view.over {
			yield(projections.AnyRow{}, errOver)
			return
		}
		// A copy, which the reader may change, and which the next row overwrites.
		row := t.of.NewRows()
		defer row.Reset()
		for _, index := range slices.Sorted(maps.Keys(t.rows)) {
			row.Reset()
			row.Add(t.rows[index].At(0))
			if !yield(row.At(0), nil) {
				return
			}
		}
	}
}
