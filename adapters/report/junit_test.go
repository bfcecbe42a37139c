package report_test

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/runlog"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
)

// junitSuite is a suite as a CI system reads it.
type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name      string        `xml:"name,attr"`
	Classname string        `xml:"classname,attr"`
	Time      string        `xml:"time,attr"`
	Error     *junitProblem `xml:"error"`
	Failure   *junitProblem `xml:"failure"`
	Out       string        `xml:"system-out"`
}

type junitProblem struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// status says how a case went.
func (c *junitCase) status() string {
	switch {
	case c.Error != nil:
		return "error: " + c.Error.Message
	case c.Failure != nil:
		return "failure: " + c.Failure.Message
	}
	return c.Out
}

func parseJUnit(t rapid.TB, document string) []junitSuite {
	t.Helper()
	var parsed struct {
		Suites []junitSuite `xml:"testsuite"`
	}
	require.NoError(t, xml.Unmarshal([]byte(document), &parsed))
	for _, s := range parsed.Suites {
		failures, errors := 0, 0
		for _, c := range s.Cases {
			if c.Failure != nil {
				failures++
			}
			if c.Error != nil {
				errors++
			}
			require.Equal(t, s.Name, c.Classname)
		}
		require.Equal(t, []int{len(s.Cases), failures, errors}, []int{s.Tests, s.Failures, s.Errors})
	}
	return parsed.Suites
}

// Each command is a case with its verdict. A job without commands, or whose outcome no command
// shows, has a case of its own. A document has no failed or skipped case only if all its runs are
// complete. Names do not depend on the run, so that cases have a history.
func TestJUnit(t *testing.T) {
	forEach(t, func(t rapid.TB, entries []domain.Entry) {
		run, notPassed := record(t, entries), 0
		got, own := map[string]string{}, map[string]string{}
		once := writeAll(t, report.JUnit, report.Options{}, entries)
		for _, s := range parseJUnit(t, once) {
			job := strings.TrimSuffix(s.Name, " (late)")
			for _, c := range s.Cases {
				if c.Error != nil || c.Failure != nil {
					notPassed++
				}
				if c.Name == "job" {
					require.NotContains(t, own, job)
					own[job] = c.status()
					continue
				}
				seq, _, _ := strings.Cut(c.Name, ".")
				got[job+" "+seq] = c.Time + " " + c.status()
			}
		}
		states := map[string]projections.State{}
		want := map[string]string{}
		for _, job := range run.Jobs {
			states[job.JobID] = job.State
			name := report.Printable(cmp.Or(job.JobID, `""`))
			status, ok := own[name]
			if wantStatus := map[projections.State]string{projections.Active: "error: the job has no job_finished", projections.Failed: "failure: the job failed"}[job.State]; ok && status != wantStatus {
				t.Fatalf("%s job is a case with %q", job.State, status)
			}
			if !ok && !slices.ContainsFunc(run.ShEvents, func(sh projections.ShEvent) bool {
				return sh.JobID == job.JobID && (job.State == projections.Complete || sh.ExitCode.V != 0 || !sh.ExitCode.Valid)
			}) {
				t.Fatalf("nothing shows that job %q is %s", job.JobID, job.State)
			}
		}
		for i, sh := range run.ShEvents {
			exit, status := fmt.Sprintf("exit code %d", sh.ExitCode.V), ""
			switch state := states[sh.JobID]; {
			case !sh.ExitCode.Valid:
				status = "error: the command has no sh_finished"
			case sh.ExitCode.V == 0:
			case state == projections.Failed:
				status = "failure: " + exit
			case state == projections.Active:
				status = "error: " + exit + ", and the job has no job_finished"
			default:
				status = exit + "; the job completed nevertheless"
			}
			took := ""
			if d := run.Timings.ShEvents[i].DurationMs; d.Valid {
				took = fmt.Sprintf("%d.%03d", d.V/1000, d.V%1000)
			}
			want[fmt.Sprint(report.Printable(cmp.Or(sh.JobID, `""`)), " ", sh.Seq)] = took + " " + status
		}
		if run := own["(run)"]; run != "" {
			t.Fatalf("a job is called %q", run)
		}
		whole, ok := got["(run) run"]
		delete(got, "(run) run")
		require.Equal(t, want, got)
		if ok == (run.Run.Ended && len(run.Jobs) > 0 && (run.Run.State != projections.Failed || whole == "")) {
			t.Fatalf("the run is a case: %v, with %q", ok, whole)
		}
		notComplete := func(job projections.Job) bool { return job.State != projections.Complete }
		open := func(sh projections.ShEvent) bool { return !sh.ExitCode.Valid }
		green := run.Run.Ended && run.Run.State == projections.Complete && !slices.ContainsFunc(run.Jobs, notComplete) && !slices.ContainsFunc(run.ShEvents, open)
		if green != (notPassed == 0) {
			t.Fatalf("%d cases have not passed, and the run is %+v", notPassed, run.Run)
		}

		var other strings.Builder
		_, err := report.Write(&other, report.JUnit, "another-run", stream(entries), report.Options{})
		require.NoError(t, err)
		require.Equal(t, once, other.String())
	})
}

// Jenkins, GitLab and Buildkite can read the documents: these are valid against a subset of
// Jenkins's schema, all names of cases differ, and all characters are visible.
func TestJUnitSchema(t *testing.T) {
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		t.Skip("needs xmllint (Debian: libxml2-utils)")
	}
	check := func(t rapid.TB, document string) {
		t.Helper()
		lint := exec.Command(xmllint, "--noout", "--huge", "--schema", "testdata/junit.xsd", "-")
		lint.Stdin = strings.NewReader(document)
		if said, err := lint.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s\n%s", err, said, document)
		}
		for _, s := range parseJUnit(t, document) {
			for _, c := range s.Cases {
				for _, r := range c.Name + c.Classname + c.status() + cmp.Or(c.Error, c.Failure, &junitProblem{}).Text {
					if r != '\n' && r != '\t' && !unicode.IsPrint(r) {
						t.Fatalf("%U in %+v", r, c)
					}
				}
			}
		}
	}
	hostile := rapid.OneOf(anyText, rapid.SampledFrom([]string{"]]>", "<![CDATA[", "&lt;", "&#0;", "\x00\x85\ufffe", "a (late)", "(run)", "(streams)", "job", "run-1/a", "\r\n", " "}))
	options := report.Options{Logs: logsOf(t, map[string]string{"a/sh-1.log": "]]>\x1b[31m\r\n\x00\xff"})}
	forEach(t, func(t rapid.TB, entries []domain.Entry) {
		check(t, writeAll(t, report.JUnit, options, entries, entries))
	})
	rapid.Check(t, func(t *rapid.T) {
		events := laws.Events().Draw(t, "events")
		names := rapid.SliceOfN(hostile, 1, 5).Draw(t, "names")
		for i := range events {
			events[i].JobID, events[i].Cmd = names[i%len(names)], hostile.Draw(t, "cmd")
		}
		var out strings.Builder
		w, err := report.NewWriter(&out, report.JUnit)
		require.NoError(t, err)
		for _, run := range []string{"run-1", hostile.Draw(t, "run")} {
			_, err := w.Add(domain.RunID(run), stream(laws.Entries(events)), options)
			require.NoError(t, err)
		}
		w.Unread()
		require.NoError(t, w.Close())
		check(t, out.String())
	})
}

// logsOf returns logs with these texts.
func logsOf(t *testing.T, texts map[string]string) *runlog.Dir {
	t.Helper()
	folder := t.TempDir()
	for path, text := range texts {
		path = filepath.Join(folder, "jobs", path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o777))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o666))
	}
	logs, err := runlog.Open(jsonl.Location{}, folder)
	require.NoError(t, err)
	t.Cleanup(func() { logs.Close() })
	return logs
}

// A failed case has the reason, the command and the end of its log, whether logs are numbered by
// started or by closed commands.
func TestJUnitText(t *testing.T) {
	const text2, text3 = "2026-11-23T14:41:20Z stdout F log 2\x1b[0m\n2026-11-23T14:41:20Z stderr F end\n", "2026-11-23T14:41:20Z stdout F log 3\n"
	started := map[string]string{"a/sh-2.log": text2, "a/sh-3.log": text3, "a/sh-4.log": ""}
	closed := map[string]string{"a/sh-1.log": text2, "a/sh-2.log": text3, "a/sh-3.log": ""}
	for _, texts := range []map[string]string{started, closed} {
		testJUnitText(t, report.Options{Logs: logsOf(t, texts)})
	}
}

func testJUnitText(t *testing.T, options report.Options) {
	document := writeAll(t, report.JUnit, options, laws.Entries([]domain.Event{
		domain.NewJobStarted(1795444880000, "a"),
		domain.NewShStarted(1795444880000, "a", "never ran"),
		domain.NewShStarted(1795444880000, "a", "\nmake\x00\n\ttest"),
		domain.NewShFinished(1795444881500, "a", 2),
		domain.NewShStarted(1795444881500, "a", strings.Repeat("x", 20_000)),
		domain.NewShFinished(1795444881499, "a", -1),
		domain.NewShStarted(1795444882000, "a", ""),
		domain.NewShFinished(1795444882000, "a", 0),
		domain.NewJobFinished(1795444883000, "a", domain.Failed),
		domain.NewRunFinished(1795444883000, domain.Failed),
	}))
	x := strings.Repeat("x", 20_000)
	assert.Equal(t, `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="quire">
<testsuite name="a" tests="4" failures="2" errors="1" time="3.000" timestamp="2026-11-23T14:41:20">
 <testcase name="1. never ran" classname="a">
  <error message="the command has no sh_finished" type="unfinished">the command has no sh_finished&#xA;&#xA;never ran</error>
 </testcase>
 <testcase name="2. make\x00" classname="a" time="1.500">
  <failure message="exit code 2" type="exit">exit code 2&#xA;&#xA;&#xA;make\x00&#xA;&#x9;test&#xA;&#xA;It wrote:&#xA;log 2&#xA;end&#xA;</failure>
 </testcase>
 <testcase name="3. `+x[:119]+`…" classname="a">
  <failure message="exit code -1" type="exit">exit code -1&#xA;&#xA;`+x[:10_001]+`&#xA;&#xA;It wrote:&#xA;log 3&#xA;</failure>
 </testcase>
 <testcase name="4. &#34;&#34;" classname="a" time="0.000"></testcase>
</testsuite>
</testsuites>
`, document)
}

// Unusual streams give the expected JUnit XML.
func TestJUnitOfOddStreams(t *testing.T) {
	var out strings.Builder
	w, err := report.NewWriter(&out, report.JUnit)
	require.NoError(t, err)
	for _, events := range [][]domain.Event{
		{},
		{domain.NewRunFinished(0, domain.Complete)},
		{
			domain.NewJobFinished(5, "only its end", domain.Failed),
			domain.NewShStarted(6, "only its end", "late"),
			domain.NewShFinished(7, "only its end", 0),
			domain.NewJobStarted(1, "a"),
			domain.NewShStarted(10, "a", "backwards"),
			domain.NewShFinished(9, "a", 7),
			domain.NewJobFinished(20, "a", domain.Complete),
			domain.NewShStarted(21, "a", "late"),
			domain.NewShFinished(22, "a", 0),
			domain.NewShStarted(22, "a", "late and open"),
			domain.NewJobStarted(30, "b"),
			domain.NewRunFinished(31, domain.Failed),
			domain.NewShStarted(32, "", "orphan"),
			domain.NewShFinished(33, "", 1),
		},
	} {
		_, err = w.Add("run-1", stream(laws.Entries(events)), report.Options{})
		require.NoError(t, err)
	}
	w.Unread()
	require.NoError(t, w.Close())
	assert.Equal(t, `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="quire">
<testsuite name="(run)" tests="1" failures="0" errors="1">
 <testcase name="run" classname="(run)">
  <error message="the stream has no run_finished" type="unfinished">the stream has no run_finished</error>
 </testcase>
</testsuite>
<testsuite name="run-1/(run)" tests="1" failures="0" errors="0">
 <testcase name="run" classname="run-1/(run)"></testcase>
</testsuite>
<testsuite name="only its end" tests="1" failures="1" errors="0">
 <testcase name="job" classname="only its end">
  <failure message="the job failed" type="job">the job failed</failure>
 </testcase>
</testsuite>
<testsuite name="a" tests="1" failures="0" errors="0" time="0.019" timestamp="1970-01-01T00:00:00">
 <testcase name="1. backwards" classname="a">
  <system-out>exit code 7; the job completed nevertheless</system-out>
 </testcase>
</testsuite>
<testsuite name="only its end (late)" tests="1" failures="0" errors="0">
 <testcase name="1. late" classname="only its end (late)" time="0.001"></testcase>
</testsuite>
<testsuite name="a (late)" tests="2" failures="0" errors="1">
 <testcase name="2. late" classname="a (late)" time="0.001"></testcase>
 <testcase name="3. late and open" classname="a (late)">
  <error message="the command has no sh_finished" type="unfinished">the command has no sh_finished&#xA;&#xA;late and open</error>
 </testcase>
</testsuite>
<testsuite name="b" tests="1" failures="0" errors="1" timestamp="1970-01-01T00:00:00">
 <testcase name="job" classname="b">
  <error message="the job has no job_finished" type="unfinished">the job has no job_finished</error>
 </testcase>
</testsuite>
<testsuite name="&#34;&#34;" tests="1" failures="0" errors="1">
 <testcase name="1. orphan" classname="&#34;&#34;" time="0.001">
  <error message="exit code 1, and the job has no job_finished" type="exit">exit code 1, and the job has no job_finished&#xA;&#xA;orphan</error>
 </testcase>
</testsuite>
<testsuite name="(streams)" tests="1" failures="0" errors="1">
 <testcase name="read" classname="(streams)">
  <error message="1 run could not be read" type="unread">1 run could not be read</error>
 </testcase>
</testsuite>
</testsuites>
`, out.String())
}
