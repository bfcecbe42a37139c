package store

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/projections"
)

type toy struct {
	Value int `json:"value"`
}

func toyKey(index int, _ toy) Key { return Key{Position: index + 1} }

func sequence(rows []projections.Row[toy], err error) iter.Seq2[projections.Row[toy], error] {
	return func(yield func(projections.Row[toy], error) bool) {
		for _, row := range rows {
			if !yield(row, nil) {
				return
			}
		}
		if err != nil {
			yield(projections.Row[toy]{}, err)
		}
	}
}

// In whatever order rows become final, the differences are those that one sees
// with both laid out side by side.
func TestComparisonFindsEveryDifference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 12).Draw(t, "derived rows")
		order := rapid.Permutation(slices.Collect(upTo(n))).Draw(t, "order of becoming final")
		stored := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) projections.Row[toy] {
			return projections.Row[toy]{
				Index: rapid.IntRange(-1, n+2).Draw(t, "index"),
				Value: toy{rapid.IntRange(0, 1).Draw(t, "value")},
			}
		}), 0, 16).Draw(t, "stored")
		slices.SortStableFunc(stored, func(a, b projections.Row[toy]) int { return a.Index - b.Index })

		var want []string
		first := map[int]toy{}
		for _, row := range stored {
			if _, twice := first[row.Index]; twice || row.Index < 0 || row.Index >= n {
				want = append(want, fmt.Sprint(Extra, row.Index+1, row.Value.Value))
			} else {
				first[row.Index] = row.Value
			}
		}
		for i := range n {
			switch row, ok := first[i]; {
			case !ok:
				want = append(want, fmt.Sprint(Missing, i+1))
			case row.Value != 0:
				want = append(want, fmt.Sprint(Differs, i+1, row.Value))
			}
		}

		var got []string
		c := compare("toys", sequence(stored, nil), toyKey, func(d Difference) {
			switch d.Kind {
			case Extra:
				got = append(got, fmt.Sprint(d.Kind, d.Key.Position, d.Stored.(toy).Value))
			case Missing:
				got = append(got, fmt.Sprint(d.Kind, d.Key.Position))
			case Differs:
				got = append(got, fmt.Sprint(d.Kind, d.Key.Position, d.Stored))
			}
		})
		defer c.stop()
		for _, i := range order {
			c.take(&projections.Row[toy]{Index: i, Value: toy{0}})
		}
		if err := c.end(); err != nil {
			t.Fatal(err)
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("stored %v, %d derived:\n got %v\nwant %v", stored, n, got, want)
		}
	})
}

func upTo(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := 0; i < n && yield(i); i++ {
		}
	}
}

// A row that has lost its place is known by its key, once.
func TestComparisonKnowsRowsByTheirKey(t *testing.T) {
	key := func(_ int, row toy) Key { return Key{Seq: row.Value} }
	var got []string
	stored := []projections.Row[toy]{{Index: -1, Value: toy{2}}, {Index: -1, Value: toy{9}}, {Index: -1, Value: toy{8}}, {Index: 0, Value: toy{1}}}
	c := compare("toys", sequence(stored, nil), key, func(d Difference) { got = append(got, fmt.Sprint(d.Kind, d.Key)) })
	defer c.stop()
	for i := range 3 {
		c.take(&projections.Row[toy]{Index: i, Value: toy{i + 1}})
	}
	if err := c.end(); err != nil || !slices.Equal(got, []string{"missing3", "extra8", "extra9"}) {
		t.Error(got, err)
	}
}

// Rows that cannot be read are an error, and not missing.
func TestComparisonTellsErrors(t *testing.T) {
	broken := errors.New("the connection is lost")
	c := compare("toys", sequence([]projections.Row[toy]{{Index: 0}}, broken), toyKey, func(d Difference) { t.Errorf("%+v", d) })
	defer c.stop()
	for i := range 3 {
		c.take(&projections.Row[toy]{Index: i})
	}
	if err := c.end(); !errors.Is(err, broken) {
		t.Error(err)
	}
}

// What is held are rows that others have overtaken, and not all.
func TestComparisonHoldsWhatIsOpen(t *testing.T) {
	const n = 10_000
	rows := make([]projections.Row[toy], n)
	for i := range rows {
		rows[i].Index = i
	}
	c := compare("toys", sequence(rows, nil), toyKey, func(d Difference) { t.Fatalf("%+v", d) })
	defer c.stop()
	for i := 1; i < n; i++ { // the first one stays open
		c.take(&rows[i])
		if len(c.held) > 1 {
			t.Fatalf("%d rows are held", len(c.held))
		}
	}
	c.take(&rows[0])
	if err := c.end(); err != nil || len(c.held) > 0 {
		t.Error(err, len(c.held))
	}
}

// The columns of a row are the keys of its JSON.
func TestColumns(t *testing.T) {
	row := Run{Run: projections.Run{RunID: "a", Events: 3}, RunTiming: projections.RunTiming{WallMs: projections.Some[int64](5)}}
	got := map[string]any{}
	for _, c := range columns(row) {
		got[c.name] = c.value
	}
	if len(got) != 16 || got["events"] != int64(3) || got["wall_ms"] != projections.Some[int64](5) {
		t.Errorf("%d columns: %v", len(got), got)
	}
}
