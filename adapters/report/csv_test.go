package report_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/quire-ci/quire-project/adapters/report"
)

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
