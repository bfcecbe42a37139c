package report_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
)

// judged has the properties of a job or a command that a selection depends on.
type judged struct {
	job    string
	failed bool
	took   projections.Null[int64]
}

// choose computes in the obvious way which jobs or commands are selected.
func choose(s report.Selection, all []judged) (chosen []bool) {
	chosen = make([]bool, len(all))
	var ranked []int
	for i, j := range all {
		slow := j.took.Valid && time.Duration(j.took.V) > s.SlowerThan/time.Millisecond
		chosen[i] = (!s.Failed || j.failed) && (len(s.Jobs) == 0 || slices.Contains(s.Jobs, j.job)) && (s.SlowerThan == 0 || slow)
		if chosen[i] && s.Top > 0 {
			if chosen[i] = false; j.took.Valid {
				ranked = append(ranked, i)
			}
		}
	}
	slices.SortStableFunc(ranked, func(a, b int) int { return cmp.Compare(all[b].took.V, all[a].took.V) })
	for _, i := range ranked[:min(s.Top, len(ranked))] {
		chosen[i] = true
	}
	return chosen
}

// wanted returns the rows of each projection that are selected from a record.
func wanted(r *projections.Record, s report.Selection, rows map[string][][]string) map[string][][]string {
	var jobs, commands []judged
	states := map[string]projections.State{}
	for i, job := range r.Jobs {
		states[job.JobID] = job.State
		jobs = append(jobs, judged{job.JobID, job.State == projections.Failed, r.Timings.Jobs[i].DurationMs})
	}
	for i, sh := range r.ShEvents {
		failed := sh.ExitCode.Valid && sh.ExitCode.V != 0 && states[sh.JobID] == projections.Failed
		commands = append(commands, judged{sh.JobID, failed, r.Timings.ShEvents[i].DurationMs})
	}
	ofJobs, ofCommands := choose(s, jobs), choose(s, commands)
	var slowest, diagnostics []bool
	for _, slow := range r.Timings.Slowest {
		at := slices.IndexFunc(r.ShEvents, func(sh projections.ShEvent) bool { return sh.JobID == slow.JobID && sh.Seq == slow.Seq })
		slowest = append(slowest, ofCommands[at])
	}
	for _, d := range r.Diagnostics {
		diagnostics = append(diagnostics, len(s.Jobs) == 0 || !d.JobID.Valid || slices.Contains(s.Jobs, d.JobID.V))
	}
	want := map[string][][]string{}
	chosen := map[string][]bool{
		"jobs": ofJobs, "timings.jobs": ofJobs, "sh_events": ofCommands, "timings.sh_events": ofCommands,
		"timings.slowest": slowest, "diagnostics": diagnostics,
	}
	for name, all := range rows {
		for i, row := range all {
			if chosen[name] == nil || chosen[name][i] {
				want[name] = append(want[name], row)
			}
		}
	}
	return want
}

// selections mostly name jobs and times of the stream itself.
func selections(r *projections.Record) *rapid.Generator[report.Selection] {
	ids, times := []string{"none"}, []int64{1}
	for i, job := range r.Jobs {
		ids = append(ids, job.JobID)
		times = append(times, max(1, r.Timings.Jobs[i].DurationMs.V))
	}
	for _, sh := range r.Timings.ShEvents {
		times = append(times, max(1, sh.DurationMs.V))
	}
	return rapid.Custom(func(t *rapid.T) (s report.Selection) {
		s.Failed = rapid.Bool().Draw(t, "failed")
		s.Jobs = rapid.SliceOfN(rapid.SampledFrom(ids), 0, 2).Draw(t, "jobs")
		if rapid.Bool().Draw(t, "slow") {
			s.SlowerThan = time.Duration(min(rapid.SampledFrom(times).Draw(t, "ms"), 1<<40)) * time.Millisecond
		}
		if rapid.Bool().Draw(t, "some") {
			s.Top = rapid.IntRange(1, 5).Draw(t, "top")
		}
		return s
	})
}

// In every format, a selection removes exactly the rows that do not match, and changes no other.
func TestSelectedRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := laws.Streams().Draw(t, "stream")
		r := record(t, entries)
		s := selections(r).Draw(t, "selection")
		rows := map[string][][]string{}
		whole := decode(t, json.NewDecoder(strings.NewReader(write(t, report.JSON, entries, report.Options{}))))
		document := decode(t, json.NewDecoder(strings.NewReader(write(t, report.JSON, entries, report.Options{Selection: s}))))
		lines := decodeLines(t, write(t, report.NDJSON, entries, report.Options{Selection: s, Live: rapid.Bool().Draw(t, "live")}))
		for _, d := range projections.Builtin.Reported() {
			rows[d.Name] = tableOf(t, whole, d).rows
		}
		want := wanted(r, s, rows)
		for _, d := range projections.Builtin.Reported() {
			if got := tableOf(t, document, d).rows; !slices.EqualFunc(got, want[d.Name], slices.Equal) {
				t.Fatalf("%+v: of %s, json has\n%q\nwant\n%q", s, d.Name, got, want[d.Name])
			}
			got := parseCSV(t, write(t, report.CSV, entries, report.Options{Selection: s, Projections: []*projections.Definition{d}})).rows
			if !slices.EqualFunc(got, want[d.Name], slices.Equal) {
				t.Fatalf("%+v: of %s, csv has\n%q\nwant\n%q", s, d.Name, got, want[d.Name])
			}
			if got := lines[d.Name].rows; !slices.Equal(sorted(got), sorted(want[d.Name])) {
				t.Fatalf("%+v: of %s, ndjson has\n%q\nwant\n%q", s, d.Name, got, want[d.Name])
			}
		}
		sameTables(t, entries, s, want)
	})
}

// sameTables checks that tables and Markdown have exactly the lines of the selected rows.
func sameTables(t *rapid.T, entries []domain.Entry, s report.Selection, want map[string][][]string) {
	for _, format := range []report.Format{report.Table, report.Markdown} {
		for _, name := range []string{"jobs", "sh_events", "timings.slowest", "diagnostics"} {
			options := report.Options{Projections: only(name)}
			whole := tableLines(write(t, format, entries, options))
			options.Selection = s
			got := tableLines(write(t, format, entries, options))
			rest := whole
			for _, line := range got {
				at := slices.Index(rest, line)
				if at < 0 && line != "no diagnostics" {
					t.Fatalf("%+v: %s of %s has the line %q, which is not in\n%s", s, format, name, line, strings.Join(whole, "\n"))
				}
				rest = rest[at+1:]
			}
			heads := map[report.Format]int{report.Table: 1, report.Markdown: 2}[format]
			if rows := len(want[name]); rows > 0 && len(got) != rows+heads || rows == 0 && len(got) > 1 {
				t.Fatalf("%+v: %s of %s has\n%s\nwant %d rows", s, format, name, strings.Join(got, "\n"), rows)
			}
		}
	}
}

// tableLines returns the lines of a table, without padding.
func tableLines(text string) (lines []string) {
	for line := range strings.Lines(text) {
		if words := strings.Fields(line); len(words) > 0 {
			lines = append(lines, strings.Join(words, " "))
		}
	}
	return lines
}

// If few of many commands are selected, little memory is kept for the others.
func TestSelectionOfMany(t *testing.T) {
	var entries []domain.Entry
	add := func(event domain.Event) {
		entries = append(entries, domain.Entry{Event: event, Position: domain.Position{Line: int64(len(entries) + 1)}})
	}
	at := int64(0)
	for job := range 6 {
		id := fmt.Sprint("job", job)
		add(domain.NewJobStarted(at, id))
		for n := range 1000 {
			add(domain.NewShStarted(at, id, fmt.Sprint("command ", n)))
			at += int64(1 + (n*7919+job)%1000)
			add(domain.NewShFinished(at, id, int32(n%2)))
		}
		add(domain.NewJobFinished(at, id, domain.Outcome([]domain.Outcome{domain.Complete, domain.Failed}[job%2])))
	}
	whole := decode(t, json.NewDecoder(strings.NewReader(write(t, report.JSON, entries, report.Options{}))))
	rows := map[string][][]string{"sh_events": tableOf(t, whole, projections.ShEvents.Definition).rows}
	for _, s := range []report.Selection{{Top: 3}, {Failed: true, Top: 2000}, {Failed: true}, {Jobs: []string{"job3"}}, {SlowerThan: 900 * time.Millisecond}} {
		want := wanted(record(t, entries), s, rows)["sh_events"]
		got := decodeLines(t, write(t, report.NDJSON, entries, report.Options{Selection: s}))["sh_events"].rows
		assert.Equal(t, sorted(want), sorted(got), "%+v", s)
		lines := tableLines(write(t, report.Table, entries, report.Options{Selection: s, Projections: only("sh_events")}))
		assert.Len(t, lines, len(want)+1, "%+v", s)
	}
}

// Formats that show whole runs refuse a selection.
func TestSelectionRefused(t *testing.T) {
	for _, kind := range report.Kinds() {
		err := kind.Check(report.Options{Projections: only("jobs"), Selection: report.Selection{Top: 1}})
		rows := slices.Contains([]report.Format{report.JSON, report.NDJSON, report.CSV, report.Table, report.Markdown}, kind.Name)
		require.Equal(t, !rows, errors.Is(err, report.ErrSelection), "%s: %v", kind.Name, err)
	}
}
