package report_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/domain"
)

// CSV has the rows of the document, with the run's id first.
func TestCSV(t *testing.T) {
	forEach(t, func(t rapid.TB, entries []domain.Entry) {
		for _, section := range report.All {
			only := report.Options{Sections: report.Selection{section}}
			var want [][]string
			for line := range strings.Lines(write(t, report.NDJSON, entries, only)) {
				header, record := fields(t, line)
				if want == nil {
					want = append(want, header)
				}
				want = append(want, record)
			}
			got := readCSV(t, write(t, report.CSV, entries, only))
			if len(want) > 0 && !sameRows(got, want) || len(want) == 0 && len(got) != 1 {
				t.Fatalf("%s: the rows are %q, want %q", section, got, want)
			}
			only.NoHeader = true
			if rest := readCSV(t, write(t, report.CSV, entries, only)); !sameRows(rest, got[1:]) {
				t.Fatalf("%s: without header, the rows are %q", section, rest)
			}
		}
	})
}

// sameRows compares rows that may come in different orders, header first.
func sameRows(a, b [][]string) bool {
	count := map[string]int{}
	for _, row := range a {
		count[strings.Join(row, "\x00")]++
	}
	for _, row := range b {
		count[strings.Join(row, "\x00")]--
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return len(a) == 0 || len(b) == 0 || strings.Join(a[0], ",") == strings.Join(b[0], ",") || a[0][0] != "run_id"
}

// fields returns the names and the values of a line's members, without the
// first, which is the projection.
func fields(t rapid.TB, line string) (names, values []string) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(line))
	decoder.UseNumber()
	token := func() any {
		token, err := decoder.Token()
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	token() // the brace
	for decoder.More() {
		names = append(names, token().(string))
		switch value := token().(type) {
		case nil:
			values = append(values, "")
		case string:
			values = append(values, value)
		case bool:
			values = append(values, map[bool]string{true: "true", false: "false"}[value])
		case json.Number:
			values = append(values, value.String())
		}
	}
	return names[1:], values[1:]
}

func readCSV(t rapid.TB, text string) [][]string {
	t.Helper()
	// The reader takes CR LF in a quoted field for LF; what is written has both.
	reader := csv.NewReader(strings.NewReader(strings.ReplaceAll(text, "\r\n", "\r\r\n")))
	rows, err := reader.ReadAll()
	if err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return rows
}

func TestCSVOfTimingsIsThatOfJobs(t *testing.T) {
	timings, err := report.ParseSelection([]string{"timings"})
	if err != nil {
		t.Fatal(err)
	}
	entries := fixtures(t)["../../fixtures/parallel-jobs.jsonl"]
	got := write(t, report.CSV, entries, report.Options{Sections: timings})
	if want := write(t, report.CSV, entries, report.Options{Sections: report.Selection{report.TimingsJobs}}); got != want {
		t.Errorf("csv of timings is\n%s", got)
	}
}

func TestCSVTakesOneSection(t *testing.T) {
	for _, sections := range []report.Selection{nil, report.All, {report.Run, report.Jobs}} {
		var out bytes.Buffer
		if _, err := report.Write(&out, report.CSV, "r", stream(nil), report.Options{Sections: sections}); !errors.Is(err, report.ErrOneSection) {
			t.Errorf("%v: %v", sections, err)
		}
	}
}
