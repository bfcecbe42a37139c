package report_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
)

// given is a projection with fixed rows, and the steps at which they become final. A row whose step
// does not come stays open.
type given struct {
	rows  []laws.EveryType
	final []int // number of the step that makes a row final, by row
	order []int // order of the rows of one step
	step  int
}

func (g *given) Reduce(_ *projections.Step, rows []projections.Row[laws.EveryType]) []projections.Row[laws.EveryType] {
	for _, i := range g.order {
		if g.final[i] == g.step {
			rows = append(rows, projections.Row[laws.EveryType]{Index: i, Final: true, Value: g.rows[i]})
		}
	}
	g.step++
	return rows
}

func (g *given) Open(_ *projections.Tracker, rows []projections.Row[laws.EveryType]) []projections.Row[laws.EveryType] {
	for i := range g.rows {
		if g.final[i] >= g.step {
			rows = append(rows, projections.Row[laws.EveryType]{Index: i, Value: g.rows[i]})
		}
	}
	return rows
}

// every declares a projection with these rows.
func every(rows []laws.EveryType, final, order []int) *projections.Defined[laws.EveryType] {
	return projections.Define(projections.Declaration[laws.EveryType]{
		Name: "every", Version: 1, Key: []string{"number"}, Doc: "Rows with every type of column.",
		New: func() projections.Projection[laws.EveryType] { return &given{rows: rows, final: final, order: order} },
	})
}

// define declares one, and returns it together with the built-in ones.
func define(t rapid.TB, rows []laws.EveryType, final, order []int) (added *projections.Definition, all []*projections.Definition) {
	t.Helper()
	d := every(rows, final, order)
	set, err := projections.NewSet(d)
	require.NoError(t, err)
	return d.Definition, set.Reported()
}

// anyText is text that some format could misread, or that is invalid UTF-8.
var anyText = rapid.OneOf(laws.Text(), rapid.Map(rapid.SliceOf(rapid.SampledFrom([]byte("\x00\x1b\",\r\n \\.a|\xff\xe2\x82"))), func(b []byte) string { return string(b) }))

// valuesOf returns the values of a row as [table] has them, with texts as JSON can express them.
func valuesOf(row laws.EveryType, asText func(string) string) []string {
	values := []string{"=run-1"}
	fields := reflect.ValueOf(row)
	for i := range fields.NumField() {
		field := fields.Field(i)
		if field.Kind() == reflect.Struct {
			if !field.Field(1).Bool() {
				values = append(values, unknown)
				continue
			}
			field = field.Field(0)
		}
		value := fmt.Sprint(field.Interface())
		if field.Kind() == reflect.String {
			value = asText(field.String())
		}
		values = append(values, "="+value)
	}
	return values
}

// replaced returns text with invalid UTF-8 replaced.
func replaced(s string) string { return string([]rune(s)) }

func asIs(s string) string { return s }

// forEachAdded checks reports that include an added projection.
func forEachAdded(t *testing.T, check func(t *rapid.T, stream []domain.Entry, rows []laws.EveryType, added *projections.Definition, all []*projections.Definition)) {
	t.Helper()
	rapid.Check(t, func(t *rapid.T) {
		stream := laws.Streams().Draw(t, "stream")
		var rows []laws.EveryType
		var final, order []int
		for i := range rapid.IntRange(0, 8).Draw(t, "rows") {
			rows, order = append(rows, laws.Row(every(nil, nil, nil), anyText).Draw(t, "row")), append(order, i)
			final = append(final, rapid.IntRange(0, len(stream)).Draw(t, "final"))
		}
		added, all := define(t, rows, final, rapid.Permutation(order).Draw(t, "order"))
		check(t, stream, rows, added, all)
	})
}

// Every format for machines reproduces the rows, and its schema accepts them.
func TestAddedProjection(t *testing.T) {
	forEachAdded(t, func(t *rapid.T, stream []domain.Entry, rows []laws.EveryType, added *projections.Definition, all []*projections.Definition) {
		var want, raw [][]string
		for _, row := range rows {
			want, raw = append(want, valuesOf(row, replaced)), append(raw, valuesOf(row, asIs))
		}
		document := write(t, report.JSON, stream, report.Options{Projections: all})
		decoded := decode(t, json.NewDecoder(strings.NewReader(document)))
		if got := tableOf(t, decoded, added).rows; !slices.EqualFunc(got, want, slices.Equal) {
			t.Fatalf("json has\n%q\nand not\n%q", got, want)
		}
		if members := decoded.([]member); members[len(members)-1].name != added.Name {
			t.Fatalf("the last member is %s", members[len(members)-1].name)
		}
		lines := write(t, report.NDJSON, stream, report.Options{Projections: all})
		if got := decodeLines(t, lines)[added.Name]; len(rows) > 0 && !slices.Equal(sorted(got.rows), sorted(want)) {
			t.Fatalf("ndjson has\n%q\nand not\n%q", got.rows, want)
		}
		if got := parseCSV(t, write(t, report.CSV, stream, report.Options{Projections: []*projections.Definition{added}})); !slices.EqualFunc(got.rows, raw, slices.Equal) {
			t.Fatalf("csv has\n%q\nand not\n%q", got.rows, raw)
		}
		require.NoError(t, validate(compiled(t, report.DocumentSchema(all), "document:v1#/$defs/complete"), document))
		row := compiled(t, report.RowSchema(all), "row:v1")
		for line := range strings.Lines(lines) {
			require.NoError(t, validate(row, line))
		}
		if bad := strings.Replace(document, `"small":`, `"small":12345678901,"was":`, 1); len(rows) > 0 && validate(compiled(t, report.DocumentSchema(all), "document:v1"), bad) == nil {
			t.Fatal("the schema takes any integer")
		}
	})
}

// In NDJSON, summaries come after all other rows, and the row of the run is last.
func TestSummariesComeLast(t *testing.T) {
	forEachAdded(t, func(t *rapid.T, stream []domain.Entry, _ []laws.EveryType, _ *projections.Definition, all []*projections.Definition) {
		var names []string
		for line := range strings.Lines(write(t, report.NDJSON, stream, report.Options{Projections: all})) {
			name := strings.Split(line, `"`)[3]
			if len(names) == 0 || names[len(names)-1] != name {
				names = append(names, name)
			}
		}
		at := slices.Index(names, "timings.run")
		want := []string{"timings.run", "timings.slowest", "run"}
		if got := names[at:]; !slices.Equal(got, want) && !slices.Equal(got, []string{"timings.run", "run"}) {
			t.Fatalf("the rows are those of %v", names)
		}
		require.False(t, slices.ContainsFunc(names[:at], func(name string) bool { return slices.Contains(want, name) }), "the rows are those of %v", names)
	})
}

// Formats for people show the rows of any projection in order, below its name; they fit, and
// contain no control characters.
func TestAddedProjectionForPeople(t *testing.T) {
	forEachAdded(t, func(t *rapid.T, stream []domain.Entry, rows []laws.EveryType, added *projections.Definition, all []*projections.Definition) {
		only := []*projections.Definition{added}
		columns := rapid.IntRange(40, 200).Draw(t, "width")
		table := write(t, report.Table, stream, report.Options{Projections: only, Width: columns})
		for line := range strings.Lines(table) {
			if n := text.StringWidth(strings.TrimSuffix(line, "\n")); n > columns {
				t.Fatalf("a line has %d columns of %d: %q", n, columns, line)
			}
		}
		markdown := write(t, report.Markdown, stream, report.Options{Projections: only})
		for _, report := range []string{table, markdown, write(t, report.Table, stream, report.Options{Projections: all})} {
			for _, r := range report {
				if r != '\n' && !unicode.IsPrint(r) {
					t.Fatalf("%U is shown", r)
				}
			}
		}
		if len(rows) == 0 {
			require.Equal(t, "no rows of every\n", table, "without rows")
			require.Equal(t, "", markdown, "without rows")
			return
		}
		lines := strings.Split(strings.TrimSuffix(markdown, "\n"), "\n")
		require.Len(t, lines, len(rows)+5, "%d rows are\n%s", len(rows), markdown)
		require.Equal(t, "every", lines[1], "%d rows are\n%s", len(rows), markdown)
		for i, line := range lines[5:] {
			cells := strings.Split(line, "|")
			require.Len(t, cells, len(added.Columns)+2, "row %d is %s", i, line)
			require.Equal(t, strconv.Itoa(rows[i].Number), strings.TrimSpace(cells[3]), "row %d is %s", i, line)
		}
	})
}

func TestAddedProjectionTable(t *testing.T) {
	rows := []laws.EveryType{
		{Text: "make\x1b[2J", State: "failed", Number: 1, Truth: true},
		{Text: strings.Repeat("long ", 1000), State: "active", Number: -22, NoText: projections.Some("")},
	}
	added, _ := define(t, rows, []int{0, 0}, []int{1, 0})
	options := report.Options{Projections: []*projections.Definition{added}, Width: 60}
	want := `every
TEXT       STATE    NUMBER   SMALL   LARGE   TRUTH   NO_TEXT
make\x1…   failed        1       0       0   true    –
long lo…   active      -22       0       0   false
`
	assert.Equal(t, want, write(t, report.Table, nil, options), "the table")
	want = "\nevery\n\n" +
		"| text | state | number | small | large | truth | no&#95;text | no&#95;state | no&#95;number | no&#95;small | no&#95;large | no&#95;truth |\n" +
		"| --- | --- | ---: | ---: | ---: | --- | --- | --- | ---: | ---: | ---: | --- |\n" +
		"| make\\x1b&#91;2J |"
	if got := write(t, report.Markdown, nil, options); !strings.HasPrefix(strings.ReplaceAll(got, "&#92;", `\`), want) {
		t.Errorf("the Markdown is\n%s\nwant\n%s", got, want)
	}
}

// Of many rows, the first are shown, and the others are counted.
func TestManyRowsOfAnAddedProjection(t *testing.T) {
	var rows []laws.EveryType
	var final []int
	for i := range 11_000 {
		rows, final = append(rows, laws.EveryType{Number: i, Text: strings.Repeat("x", 5000)}), append(final, 1)
	}
	added, _ := define(t, rows, final, nil)
	for format, left := range map[report.Format]string{
		report.Table: "… 1000 more every rows left out · --to ndjson has all", report.Markdown: " more every rows left out*",
	} {
		got := write(t, format, nil, report.Options{Projections: []*projections.Definition{added}})
		if !strings.Contains(got, left) || format == report.Markdown && len(got) > report.MaxMarkdown {
			t.Errorf("%s has %d bytes, and ends with %q", format, len(got), got[max(0, len(got)-200):])
		}
	}
}

// Labels are in the summary of a run or, without a summary, in a table.
func TestLabelsForPeople(t *testing.T) {
	var labels []domain.Label
	for i := range 10 {
		labels = append(labels, domain.Label{Key: fmt.Sprintf("k%d", i), Value: "v\x1b" + strings.Repeat("w", 100*(i%2))})
	}
	of, err := domain.NewLabels(labels...)
	require.NoError(t, err)
	entries := laws.Entries([]domain.Event{domain.NewRunStarted(0, of)})
	for _, format := range []report.Format{report.Table, report.Markdown} {
		got := strings.NewReplacer("&#92;", `\`).Replace(write(t, format, entries, report.Options{Width: 80}))
		if !strings.Contains(got, `k0=v\x1b`) || !strings.Contains(got, `k7=v\x1bwww`) || strings.Contains(got, "k8") || !strings.Contains(got, "… 2 more labels\n") {
			t.Errorf("%s has\n%s", format, got)
		}
		assert.Equal(t, 1, strings.Count(write(t, format, entries, report.Options{Projections: only("labels")}), "k9"), format)
		assert.NotContains(t, write(t, format, entries, report.Options{Projections: only("run")}), "k0", format)
	}
}
