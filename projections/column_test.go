package projections_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
)

func newNothing[R comparable]() projections.Projection[R] { return nothing[R]{} }

type nothing[R comparable] struct{}

func (nothing[R]) Reduce(_ *projections.Step, rows []projections.Row[R]) []projections.Row[R] {
	return rows
}
func (nothing[R]) Open(_ *projections.Tracker, rows []projections.Row[R]) []projections.Row[R] {
	return rows
}

var everyColumn = projections.Define(projections.Declaration[laws.EveryType]{
	Name: "every", Version: 1, Key: []string{"text"}, New: newNothing[laws.EveryType],
})

func drawEveryType(t *rapid.T) laws.EveryType {
	return laws.Row(everyColumn, laws.Text()).Draw(t, "row")
}

// Reading a row by its columns and writing it by them gives the same row.
func TestColumnsCarryRows(t *testing.T) {
	_, err := projections.NewSet(everyColumn)
	require.NoError(t, err)
	rapid.Check(t, func(t *rapid.T) {
		row, other := drawEveryType(t), drawEveryType(t)
		rows := everyColumn.NewRows()
		for _, value := range []laws.EveryType{row, other} {
			*everyColumn.At(rows.New(7, false)) = value
		}
		from, to := rows.At(0).Value, rows.At(1).Value
		for i := range everyColumn.Columns {
			c := &everyColumn.Columns[i]
			require.NoError(t, c.Set(to, c.Value(from)), c.Name)
			require.True(t, c.Equal(from, to), "%s: %v is not %v", c.Name, c.Value(from), c.Value(to))
		}
		require.Equal(t, row, *everyColumn.At(to))
	})
}

// Equal finds each difference.
func TestColumnsFindDifferences(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := everyColumn.NewRows()
		a, b := rows.New(0, false), projections.Ref{}
		*everyColumn.At(a) = drawEveryType(t)
		b = rows.New(1, false)
		a = rows.At(0).Value
		*everyColumn.At(b) = *everyColumn.At(a)
		i := rapid.IntRange(0, len(everyColumn.Columns)-1).Draw(t, "column")
		reflect.ValueOf(everyColumn.At(b)).Elem().Field(i).Set(reflect.ValueOf(drawEveryType(t)).Field(i))
		for n := range everyColumn.Columns {
			c := &everyColumn.Columns[n]
			want := reflect.ValueOf(*everyColumn.At(a)).Field(n).Interface() == reflect.ValueOf(*everyColumn.At(b)).Field(n).Interface()
			require.Equal(t, want, c.Equal(a, b), "%s: %v and %v: equal %v", c.Name, c.Value(a), c.Value(b), !want)
		}
	})
}

// A list has the rows that you put into it, in their places.
func TestRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := everyColumn.NewRows()
		var want []laws.EveryType
		for range rapid.IntRange(0, 20).Draw(t, "steps") {
			row := drawEveryType(t)
			from := everyColumn.NewRows()
			*everyColumn.At(from.New(0, false)) = row
			switch rapid.SampledFrom([]string{"add", "new", "put", "drop", "reset"}).Draw(t, "step") {
			case "add":
				rows.Add(from.At(0))
				want = append(want, row)
			case "new":
				*everyColumn.At(rows.New(0, false)) = row
				want = append(want, row)
			case "put":
				at := rapid.IntRange(0, 10).Draw(t, "at")
				rows.Put(at, from.At(0))
				want = append(want, make([]laws.EveryType, max(0, at+1-len(want)))...)
				want[at] = row
			case "drop":
				n := rapid.IntRange(0, len(want)).Draw(t, "n")
				rows.Drop(n)
				want = want[n:]
			default:
				rows.Reset()
				want = nil
			}
			require.Equal(t, len(want), rows.Len())
			for i := range want {
				require.Equal(t, want[i], *everyColumn.At(rows.At(i).Value), "row %d", i)
			}
		}
	})
}

// The built-in projections are described as their rows are.
func TestKindsOfProjections(t *testing.T) {
	for _, d := range projections.Builtin.Reported() {
		summary := d == projections.Runs.Definition || d == projections.RunTimings.Definition || d == projections.Slowest.Definition
		if d.Summary != summary || d.HasRunID != (d == projections.Runs.Definition) || d.Doc == "" {
			t.Errorf("%s: %+v", d.Name, d)
		}
		for _, c := range d.Columns {
			assert.NotEqual(t, "", c.Doc, "%s: column %s has no description", d.Name, c.Name)
		}
	}
}

// A value of the wrong type or size is an error, and never becomes another value.
func TestColumnsRefuse(t *testing.T) {
	rows := everyColumn.NewRows()
	row := rows.New(0, false)
	for column, values := range map[string][]any{
		"text": {nil, int64(1), true, 1.5}, "number": {nil, "1", true}, "small": {nil, int64(1) << 31}, "truth": {nil, "yes"},
		"no_text": {int64(1)}, "no_small": {int64(-1)<<31 - 1}, "no_truth": {"no"},
	} {
		for _, c := range everyColumn.Columns {
			for _, value := range values {
				if c.Name == column && c.Set(row, value) == nil {
					t.Errorf("column %s takes %v", column, value)
				}
			}
		}
	}
	assert.Equal(t, (laws.EveryType{}), *everyColumn.At(row), "the row has become")
}

type (
	badUntagged struct{ A int }
	badFloat    struct {
		A float64 `json:"a"`
	}
	badName struct {
		A int `json:"Ä"`
	}
	badReserved struct {
		A int `json:"position"`
	}
	badSystem struct {
		A int `json:"ctid"`
	}
	badMin struct {
		A int32 `json:"a" min:"2147483648"`
	}
	badMinOfText struct {
		A string `json:"a" min:"1"`
	}
	badNull struct {
		A projections.Null[string] `json:"a"`
	}
	badPointer struct {
		*good
		C int `json:"c"`
	}
	badEmbedded struct {
		domain.Kind
		A int `json:"a"`
	}
	badRunID struct {
		A projections.Null[domain.RunID] `json:"run_id"`
		B int                            `json:"b"`
	}
	rerun struct {
		RunID domain.RunID `json:"run_id"`
		Of    domain.RunID `json:"rerun_of"`
	}
	good struct {
		A string `json:"a"`
		B int    `json:"b"`
	}
)

func declare[R comparable](name string, key ...string) projections.AnyDefinition {
	return projections.Define(projections.Declaration[R]{Name: name, Version: 1, Key: key, New: newNothing[R]})
}

// NewSet returns an error for each mistake in a declaration, which names the projection
// and the mistake.
func TestMistakesOfAuthors(t *testing.T) {
	for want, added := range map[string][]projections.AnyDefinition{
		`"jobs": another projection has the same name`:       {declare[good]("jobs", "a")},
		`is that of the projection "timings.jobs"`:           {projections.Define(projections.Declaration[good]{Name: "mine", Version: 1, Key: []string{"a"}, Table: "timings", New: newNothing[good]})},
		`cannot both be members of a document`:               {declare[good]("timings", "a")},
		`the parts of "timings" do not follow each other`:    {declare[good]("timings.more", "a")},
		`"Retries": its name is not a lower-case identifier`: {declare[good]("Retries", "a")},
		`"a b": its name`:                           {declare[good]("a b", "a")},
		`the name checkpoints is reserved`:          {declare[good]("checkpoints", "a")},
		`the name sqlite_mine is reserved`:          {declare[good]("sqlite_mine", "a")},
		`its version is 0`:                          {projections.Define(projections.Declaration[good]{Name: "mine", Key: []string{"a"}, New: newNothing[good]})},
		`it has no New`:                             {projections.Define(projections.Declaration[good]{Name: "mine", Version: 1, Key: []string{"a"}})},
		`it has no key`:                             {declare[good]("mine")},
		`which it does not have`:                    {declare[good]("mine", "c")},
		`names the column a twice`:                  {declare[good]("mine", "a", "a")},
		`a key is never null`:                       {declare[badNull]("mine", "a")},
		`has no json tag`:                           {declare[badUntagged]("mine", "a")},
		`is of type float64`:                        {declare[badFloat]("mine", "a")},
		`column "Ä" is not a lower-case identifier`: {declare[badName]("mine", "a")},
		`column position: the name is reserved`:     {declare[badReserved]("mine", "position")},
		`column ctid: the name is reserved`:         {declare[badSystem]("mine", "ctid")},
		`column run_id: the name is reserved`:       {declare[badRunID]("mine", "b")},
		`embeds *projections_test.good`:             {declare[badPointer]("mine", "c")},
		`embeds domain.Kind`:                        {declare[badEmbedded]("mine", "a")},
		`a row is a struct`:                         {declare[int]("mine", "a")},
		`min:"2147483648"`:                          {declare[badMin]("mine", "a")},
		`min:"1"; min is an integer`:                {declare[badMinOfText]("mine", "a")},
		`it is Single and has a key`:                {projections.Define(projections.Declaration[good]{Name: "mine", Version: 1, Single: true, Key: []string{"a"}, New: newNothing[good]})},
	} {
		if _, err := projections.NewSet(added...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
	_, err := projections.NewSet(declare[good]("mine", "a"), declare[good]("mine_too", "b", "a"), declare[good]("group.a", "a"), declare[good]("group.b", "a"))
	assert.NoError(t, err)
}

// The id of another run is an ordinary column, and does not replace the row's own run id.
func TestColumnOfRunID(t *testing.T) {
	of := projections.Define(projections.Declaration[rerun]{Name: "reruns", Version: 1, Key: []string{"rerun_of"}, New: newNothing[rerun]})
	_, err := projections.NewSet(of)
	require.NoError(t, err)
	rows := of.List(projections.Row[rerun]{Value: rerun{"", "before"}})
	of.SetRun(rows.At(0).Value, "now")
	if got := *of.At(rows.At(0).Value); got != (rerun{"now", "before"}) || len(of.Columns) != 1 {
		t.Errorf("%+v with the columns %v", got, of.Columns)
	}
}
