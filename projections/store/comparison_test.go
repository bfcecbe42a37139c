package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/projections"
)

type toy struct {
	ID    int `json:"id"`
	Value int `json:"value"`
}

var toys = projections.Define(projections.Declaration[toy]{
	Name: "toys", Version: 1, Key: []string{"id"}, New: func() projections.Projection[toy] { return nil },
})

// toysOf returns rows of a definition.
func toysOf(rows ...projections.Row[toy]) projections.Rows {
	list := toys.NewRows()
	for _, row := range rows {
		*toys.At(list.New(row.Index, row.Final)) = row.Value
	}
	return list
}

func sequence(rows projections.Rows, err error) iter.Seq2[projections.AnyRow, error] {
	return func(yield func(projections.AnyRow, error) bool) {
		for i := range rows.Len() {
			if !yield(rows.At(i), nil) {
				return
			}
		}
		if err != nil {
			yield(projections.AnyRow{}, err)
		}
	}
}

func compareToys(rows projections.Rows, err error, finals bool, report func(Difference)) *comparison {
	return compare(toys.Definition, sequence(rows, err), finals, report)
}

// The differences do not depend on the order in which rows become final: they are those of a simple
// comparison.
func TestComparisonFindsEveryDifference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 12).Draw(t, "derived rows")
		finals := rapid.Bool().Draw(t, "final is compared")
		order := rapid.Permutation(slices.Collect(upTo(n))).Draw(t, "order of becoming final")
		stored := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) projections.Row[toy] {
			index := rapid.IntRange(-1, n+2).Draw(t, "index")
			return projections.Row[toy]{Index: index, Final: rapid.Bool().Draw(t, "final"), Value: toy{index, rapid.IntRange(0, 1).Draw(t, "value")}}
		}), 0, 16).Draw(t, "stored")
		slices.SortStableFunc(stored, func(a, b projections.Row[toy]) int { return a.Index - b.Index })

		var want []string
		first := map[int]projections.Row[toy]{}
		for _, row := range stored {
			if _, twice := first[row.Index]; twice || row.Index < 0 || row.Index >= n {
				want = append(want, fmt.Sprint(Extra, row.Index, row.Value))
			} else {
				first[row.Index] = row
			}
		}
		for i := range n {
			row, ok := first[i]
			if !ok {
				want = append(want, fmt.Sprint(Missing, i, toy{i, 0}))
				continue
			}
			if row.Value.Value != 0 {
				want = append(want, fmt.Sprint(Differs, i, "value", row.Value.Value, 0))
			}
			if finals && !row.Final {
				want = append(want, fmt.Sprint(Differs, i, "final", false, true))
			}
		}

		var got []string
		c := compareToys(toysOf(stored...), nil, finals, func(d Difference) {
			switch d.Kind {
			case Extra:
				got = append(got, fmt.Sprint(d.Kind, d.Key, d.Stored))
			case Missing:
				got = append(got, fmt.Sprint(d.Kind, d.Key, d.Derived))
			default:
				got = append(got, fmt.Sprint(d.Kind, d.Key, d.Column, d.Stored, d.Derived))
			}
		})
		defer c.quit()
		for _, i := range order {
			c.take(toysOf(projections.Row[toy]{Index: i, Final: true, Value: toy{ID: i}}).At(0))
		}
		require.NoError(t, c.end())
		slices.Sort(got)
		slices.Sort(want)
		require.True(t, slices.Equal(got, want), "stored %v, %d derived:\n got %v\nwant %v", stored, n, got, want)
	})
}

func upTo(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := 0; i < n && yield(i); i++ {
		}
	}
}

// Rows that cannot be read are an error, and not missing.
func TestComparisonTellsErrors(t *testing.T) {
	broken := errors.New("the connection is lost")
	c := compareToys(toysOf(projections.Row[toy]{}), broken, true, func(d Difference) { t.Errorf("%+v", d) })
	defer c.quit()
	for i := range 3 {
		c.take(toysOf(projections.Row[toy]{Index: i}).At(0))
	}
	assert.ErrorIs(t, c.end(), broken)
}

// Only rows that others have overtaken are kept in memory.
func TestComparisonHoldsWhatIsOpen(t *testing.T) {
	const n = 10_000
	rows := toys.NewRows()
	for i := range n {
		toys.At(rows.New(i, false)).ID = i
	}
	c := compareToys(rows, nil, true, func(d Difference) { t.Fatalf("%+v", d) })
	defer c.quit()
	for i := 1; i < n; i++ { // the first one stays open
		c.take(rows.At(i))
		require.LessOrEqual(t, len(c.kept), 1)
	}
	c.take(rows.At(0))
	if err := c.end(); err != nil || len(c.kept) > 0 {
		t.Error(err, len(c.kept))
	}
}

// In JSON, a key is an object of its columns in their order. For people, it is short.
func TestKey(t *testing.T) {
	key := keyOf(projections.ShEvents.Definition, projections.AnyRow{Value: shEventRow("a/\x00\"", 2)})
	data, err := json.Marshal(key)
	if want := `{"job_id":"a/\u0000\"","seq":2}`; err != nil || string(data) != want {
		t.Errorf("got %s, %v, want %s", data, err, want)
	}
	assert.Equal(t, "a/\x00\"/2", key.String())
	if data, err := json.Marshal(keyOf(projections.RunTable.Definition, projections.AnyRow{Value: projections.RunTable.NewRows().New(0, false)})); err != nil || string(data) != "{}" {
		t.Errorf("the key of a row that is the only one: %s, %v", data, err)
	}
	if data, err := json.Marshal(keyOf(projections.Diagnostics.Definition, projections.AnyRow{Index: 6})); err != nil || string(data) != `{"position":7}` {
		t.Errorf("the key of a row that is known by its place: %s, %v", data, err)
	}
}

func shEventRow(job string, seq int) projections.Ref {
	ref := projections.ShEvents.NewRows().New(0, false)
	row := projections.ShEvents.At(ref)
	row.JobID, row.Seq = job, seq
	return ref
}
