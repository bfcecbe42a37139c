package report_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// table has the rows of a projection as read from one of the formats: names and values. An unknown
// value differs from an empty text.
type table struct {
	names []string
	rows  [][]string
}

// unknown is the value for null.
const unknown = "null"

// All formats for machines have the same rows: JSON and CSV in the same order, NDJSON in the order
// in which rows become final.
func TestAllFormatsAgree(t *testing.T) {
	forEach(t, func(t rapid.TB, entries []domain.Entry) {
		document := decode(t, json.NewDecoder(strings.NewReader(write(t, report.JSON, entries, report.Options{}))))
		lines := decodeLines(t, write(t, report.NDJSON, entries, report.Options{}))
		for _, d := range projections.Builtin.Reported() {
			want := tableOf(t, document, d)
			only := report.Options{Projections: []*projections.Definition{d}}
			got := parseCSV(t, write(t, report.CSV, entries, only))
			if len(want.rows) > 0 && !slices.Equal(got.names, want.names) || !slices.EqualFunc(got.rows, want.rows, slices.Equal) {
				t.Fatalf("%s: csv has\n%q\nand json\n%q", d.Name, got, want)
			}
			if !slices.Equal(sorted(lines[d.Name].rows), sorted(want.rows)) {
				t.Fatalf("%s: ndjson has\n%q\nand json\n%q", d.Name, lines[d.Name], want)
			}
			whole := write(t, report.CSV, entries, only)
			_, rows, _ := strings.Cut(whole, "\n")
			if twice := writeAll(t, report.CSV, only, entries, entries); twice != whole+rows {
				t.Fatalf("%s: of two runs, csv has\n%s", d.Name, twice)
			}
		}
	})
}

func sorted(rows [][]string) []string {
	var all []string
	for _, row := range rows {
		all = append(all, strings.Join(row, "\x00"))
	}
	slices.Sort(all)
	return all
}

// member is a member of an object.
type member struct {
	name  string
	value any // a scalar, an object or an array of values
}

type scalar string

// decode reads a value, and keeps the order of an object's members.
func decode(t rapid.TB, d *json.Decoder) any {
	t.Helper()
	d.UseNumber()
	token, err := d.Token()
	require.NoError(t, err)
	switch token {
	case json.Delim('{'):
		object := []member{}
		for d.More() {
			name, err := d.Token()
			require.NoError(t, err)
			object = append(object, member{name.(string), decode(t, d)})
		}
		_, _ = d.Token()
		return object
	case json.Delim('['):
		array := []any{}
		for d.More() {
			array = append(array, decode(t, d))
		}
		_, _ = d.Token()
		return array
	case nil:
		return scalar(unknown)
	}
	return scalar(fmt.Sprintf("=%v", token))
}

// tableOf returns the rows of a projection in the document, with the run's id first.
func tableOf(t rapid.TB, document any, d *projections.Definition) (found table) {
	t.Helper()
	value := document
	for name := range strings.SplitSeq(d.Name, ".") {
		members := value.([]member)
		i := slices.IndexFunc(members, func(m member) bool { return m.name == name })
		if i < 0 {
			t.Fatalf("no %s in the document", d.Name)
		}
		value = members[i].value
	}
	rows, isArray := value.([]any)
	if isArray == d.Single {
		t.Fatalf("%s is an array: %v", d.Name, isArray)
	}
	if d.Single {
		rows = []any{value}
	}
	for _, row := range rows {
		members := row.([]member)
		if d != projections.Runs.Definition {
			members = append([]member{{"run_id", scalar("=run-1")}}, members...)
		}
		found.add(members)
	}
	return found
}

func (f *table) add(members []member) {
	var names, values []string
	for _, m := range members {
		names, values = append(names, m.name), append(values, string(m.value.(scalar)))
	}
	f.names, f.rows = names, append(f.rows, values)
}

func decodeLines(t rapid.TB, lines string) map[string]*table {
	t.Helper()
	found := map[string]*table{}
	for _, d := range projections.Builtin.Reported() {
		found[d.Name] = &table{}
	}
	for line := range strings.Lines(lines) {
		members := decode(t, json.NewDecoder(strings.NewReader(line))).([]member)
		name := strings.TrimPrefix(string(members[0].value.(scalar)), "=")
		if found[name] == nil {
			found[name] = &table{}
		}
		found[name].add(members[1:])
	}
	return found
}

// parseCSV parses RFC 4180. An unquoted empty field is unknown; a quoted one is an empty text.
func parseCSV(t rapid.TB, csv string) (found table) {
	t.Helper()
	var row []string
	for rest := csv; rest != ""; {
		field := unknown
		if after, quoted := strings.CutPrefix(rest, `"`); quoted {
			field = "="
			for rest = after; ; {
				part, after, ok := strings.Cut(rest, `"`)
				if !ok {
					t.Fatalf("a quote is not closed in %q", csv)
				}
				field += part
				if rest, ok = strings.CutPrefix(after, `"`); !ok {
					break
				}
				field += `"`
			}
		} else if end := strings.IndexAny(rest, ",\n"); end > 0 {
			field, rest = "="+rest[:end], rest[end:]
		}
		row = append(row, field)
		if rest == "" || rest[0] != ',' && rest[0] != '\n' {
			t.Fatalf("a field is not followed by a comma or a line feed, but by %q", rest)
		}
		if rest[0] == '\n' {
			found.rows, row = append(found.rows, row), nil
		}
		rest = rest[1:]
	}
	for _, name := range found.rows[0] {
		found.names = append(found.names, name[1:])
	}
	found.rows = found.rows[1:]
	return found
}

// An empty text is not read as unknown.
func TestCSVOfAnEmptyText(t *testing.T) {
	got := write(t, report.CSV, []domain.Entry{{Event: domain.NewShStarted(1, "", "")}}, report.Options{Projections: only("sh_events")})
	assert.Equal(t, "run_id,job_id,seq,cmd,started_at_ms,finished_at_ms,exit_code\nrun-1,\"\",1,\"\",1,,\n", got)
}

// An array kept in several pieces is written as the same JSON.
func TestLargeDocument(t *testing.T) {
	entries := many()
	got := write(t, report.JSON, entries, report.Options{})
	if want := marshal(t, full{report.SchemaVersion, *record(t, entries)}); got != want || len(got) < 1<<20 {
		t.Errorf("%d bytes are not those of the record, which are %d", len(got), len(want))
	}
}
