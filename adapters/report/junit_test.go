package report_test

import (
	"encoding/xml"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// junitSuite is a suite as a CI system reads it.
type junitSuite struct {
	Name     string `xml:"name,attr"`
	Tests    int    `xml:"tests,attr"`
	Failures int    `xml:"failures,attr"`
	Errors   int    `xml:"errors,attr"`
	Cases    []struct {
		Name      string    `xml:"name,attr"`
		Classname string    `xml:"classname,attr"`
		Error     *struct{} `xml:"error"`
		Failure   *struct{} `xml:"failure"`
	} `xml:"testcase"`
}

func junitOf(t rapid.TB, runs ...[]domain.Entry) []junitSuite {
	t.Helper()
	var document struct {
		Suites []junitSuite `xml:"testsuite"`
	}
	if err := xml.Unmarshal([]byte(writeAll(t, report.JUnit, report.Options{}, runs...)), &document); err != nil {
		t.Fatal(err)
	}
	return document.Suites
}

// Each command is a case, no two cases have one name, and no document is all green unless its
// runs are complete.
func TestJUnit(t *testing.T) {
	forEach(t, func(t rapid.TB, entries []domain.Entry) {
		suites := junitOf(t, entries, entries)
		names, commands := map[string]bool{}, 0
		notPassed := 0
		for _, s := range suites {
			failures, errors := 0, 0
			for _, c := range s.Cases {
				name := c.Classname + "\x00" + c.Name
				if names[name] {
					t.Fatalf("two cases are called %q", name)
				}
				names[name] = true
				if c.Name != "job" && c.Name != "run" {
					commands++
				}
				if c.Error != nil {
					errors++
				}
				if c.Failure != nil {
					failures++
				}
			}
			if s.Tests != len(s.Cases) || s.Failures != failures || s.Errors != errors {
				t.Fatalf("%+v does not add up", s)
			}
			notPassed += failures + errors
		}
		run := record(t, entries)
		if commands != 2*len(run.ShEvents) {
			t.Fatalf("%d commands are cases, want %d", commands, 2*len(run.ShEvents))
		}
		notComplete := func(job projections.Job) bool { return job.State != projections.Complete }
		open := func(sh projections.ShEvent) bool { return !sh.ExitCode.Valid }
		green := run.Run.Ended && run.Run.State == projections.Complete && !slices.ContainsFunc(run.Jobs, notComplete) && !slices.ContainsFunc(run.ShEvents, open)
		if green != (notPassed == 0) {
			t.Fatalf("%d cases have not passed, and the run is %+v", notPassed, run.Run)
		}
	})
}
