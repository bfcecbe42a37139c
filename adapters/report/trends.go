package report

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/runlog"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/trends"
)

// trendsSchema is the first member of the JSON document. It changes when a change of the document
// would break its readers.
const trendsSchema = "quire-project/trends/v1"

// WriteTrends writes trends as JSON, as tables for a terminal with that many columns, or as
// Markdown that fits into a comment.
func WriteTrends(out io.Writer, format Format, columns int, t *trends.Trends) error {
	return writeAs(out, format, trendsDocument{trendsSchema, t}, func() string { return trendsMarkdown(t) }, func() string { return trendsTable(columns, t) })
}

type trendsDocument struct {
	Schema string `json:"schema"`
	*trends.Trends
}

// trendList is one of the lists of trends, as text. The first two columns are a job and a text.
type trendList struct {
	heading, one string
	columns      []string // titles; those of numbers end with a colon
	rows         [][]string
}

// trendLists are the lists for people.
func trendLists(t *trends.Trends) []trendList {
	changes := trendList{"Changes", "change", []string{"job", "command", "before:", "after:", "change:", "since run", "at"}, nil}
	commands := trendList{"Commands", "command", []string{"job", "command", "count:", "failed:", "median:", "p95:"}, nil}
	job := JobNames(t)
	for _, c := range t.Commands {
		name := job(c.Pipeline, c.JobID)
		commands.rows = append(commands.rows, []string{name, c.Cmd, fmt.Sprint(c.Count), Percent(c.Failed, c.Count), display.Maybe(c.MedianMs), display.Maybe(c.P95Ms)})
		for _, change := range c.Changes {
			changes.rows = append(changes.rows, []string{
				name, c.Cmd, display.Duration(change.BeforeMs), display.Duration(change.AfterMs), Signed(change.DeltaMs), string(change.RunID), display.Clock(change.StartedAtMs),
			})
		}
	}
	jobs := trendList{"Jobs that fail now and then", "job", []string{"job", "because", "count:", "failed:"}, nil}
	for _, j := range t.Jobs {
		switch j.Stability {
		case trends.Flaky:
			jobs.rows = append(jobs.rows, []string{job(j.Pipeline, j.JobID), "failed and succeeded on " + shortShas(j.FlakyShas), fmt.Sprint(j.Count), Percent(j.Failed, j.Count)})
		case trends.Unclear:
			jobs.rows = append(jobs.rows, []string{job(j.Pipeline, j.JobID), "unclear: the runs have no sha", fmt.Sprint(j.Count), Percent(j.Failed, j.Count)})
		}
	}
	return []trendList{changes, jobs, failureList(t, job), commands}
}

func failureList(t *trends.Trends, job func(trends.Pipeline, string) string) trendList {
	failures := trendList{"Failures", "failure", []string{"job", "command", "exit:", "count:", "first run", "last run"}, nil}
	lines := slices.ContainsFunc(t.Failures, func(f trends.Failure) bool { return f.LastLine != "" })
	if lines {
		failures.columns = slices.Insert(failures.columns, 2, "last line")
	}
	for _, f := range t.Failures {
		exit := "–"
		if f.ExitCode.Valid {
			exit = fmt.Sprint(f.ExitCode.V)
		}
		row := []string{job(f.Pipeline, f.JobID), f.Cmd, exit, fmt.Sprint(f.Count), string(f.FirstRun), string(f.LastRun)}
		if lines {
			row = slices.Insert(row, 2, f.LastLine)
		}
		failures.rows = append(failures.rows, row)
	}
	return failures
}

// JobNames returns a function that names jobs: with their pipelines, if there are several.
func JobNames(t *trends.Trends) func(trends.Pipeline, string) string {
	several := t.Several()
	return func(of trends.Pipeline, job string) string {
		if several {
			return strings.TrimSpace(of.Repo+" "+of.Name) + ": " + job
		}
		return job
	}
}

// shortShas shortens hashes of commits as git does.
func shortShas(shas []string) string {
	short := make([]string, len(shas))
	for i, sha := range shas {
		if short[i] = sha; len(sha) >= 40 && !strings.ContainsFunc(sha, func(r rune) bool { return !strings.ContainsRune("0123456789abcdef", r) }) {
			short[i] = sha[:7]
		}
	}
	return strings.Join(short, ", ")
}

// ParseTrends parses the conditions for runs; the default is the latest 200.
func ParseTrends(text string, now time.Time) (store.Selection, error) {
	usual := store.Selection{Last: 200}
	if text == "" {
		return usual, nil
	}
	return store.ParseSelection(text, usual, now)
}

// StoredTrends returns the trends of the selected runs of a store. It takes the last lines of
// failed commands from the logs in folder: beside the streams, or in folders named after the runs.
// Without a folder, there are no last lines.
func StoredTrends(ctx context.Context, s store.Store, of store.Selection, logs string, prepare ...func(*projections.Record)) (*trends.Trends, error) {
	runs, err := store.Select(ctx, s, of)
	if err != nil {
		return nil, err
	}
	var lastLine trends.LastLine
	if logs != "" {
		lastLine = lastLines(logs, runs)
	}
	return trends.Of(ctx, s, runs, lastLine, prepare...)
}

// maxLastLine is how many bytes at the end of a log are searched for its last line.
const maxLastLine = 4 << 10

// lastLines finds the last lines of the logs in a folder. An unreadable log has none.
func lastLines(folder string, runs []store.Listed) trends.LastLine {
	sources := map[domain.RunID]string{}
	for i := range runs {
		sources[runs[i].RunID] = runs[i].Source
	}
	return func(r *projections.Record, job string, seq int) string {
		command, ok := runlog.CommandOf(r.ShEvents, job, seq)
		dir, err := runlog.OpenIn(jsonl.Location{Run: r.Run.RunID, Path: sources[r.Run.RunID]}, folder)
		if !ok || err != nil {
			return ""
		}
		defer dir.Close()
		log, err := dir.Open(command)
		if err != nil {
			return ""
		}
		defer log.Close()
		line, _ := runlog.LastLine(log, maxLastLine)
		return line
	}
}

// Percent formats a share.
func Percent(part, whole int) string { return fmt.Sprintf("%.0f %%", 100*float64(part)/float64(whole)) }

// TrendRemarks returns how many runs were used, and which were not.
func TrendRemarks(t *trends.Trends) []string {
	all := []string{display.Plural(t.Runs, "run")}
	switch {
	case t.Runs == 0 && len(t.LeftOut) == 0:
		all[0] += ": none meets the conditions"
	case t.Runs == 0:
		all[0] += ": all are left out"
	}
	const most = 10
	for _, out := range t.LeftOut[:min(most, len(t.LeftOut))] {
		all = append(all, fmt.Sprintf("left out: %s, %s", out.RunID, out.Reason))
	}
	if more := len(t.LeftOut) - most; more > 0 {
		all = append(all, fmt.Sprintf("and %d more are left out", more))
	}
	return all
}

func trendsTable(columns int, t *trends.Trends) string {
	var b strings.Builder
	line := fitted(&b, columns)
	for _, list := range trendLists(t) {
		if len(list.rows) == 0 {
			continue
		}
		grid := &Grid{}
		for i, title := range list.columns {
			column := Column{Title: strings.TrimSuffix(title, ":"), Right: strings.HasSuffix(title, ":")}
			switch {
			case i < 2:
				column.Share = i + 1
			case title == "last line":
				column.Share, column.Drop = 2, 4
			case i == len(list.columns)-1 && len(list.columns) > 4:
				column.Drop = 1
			case strings.HasSuffix(title, "run"):
				column.Share = 1
			case i < 4 && len(list.columns) > 4:
				column.Drop = i
			}
			grid.Columns = append(grid.Columns, column)
		}
		for _, row := range list.rows[:min(len(list.rows), compareRows)] {
			grid.add(cmp.Or(columns, maxCell), row...)
		}
		line(list.heading)
		_ = grid.Write(&b, columns) // a strings.Builder never fails
		if left := len(list.rows) - compareRows; left > 0 {
			line(fmt.Sprintf("… and %d more", left))
		}
		b.WriteString("\n")
	}
	for _, text := range TrendRemarks(t) {
		line(text)
	}
	return b.String()
}

func trendsMarkdown(t *trends.Trends) string {
	var b strings.Builder
	b.WriteString("### Trends\n\n")
	for _, text := range TrendRemarks(t) {
		b.WriteString("- " + markdownText(cut(text, 2*maxCell)) + "\n")
	}
	lists := trendLists(t)
	for n, list := range lists {
		table := newTable(list.one, list.columns...)
		for i, row := range list.rows {
			cells := make([]string, len(row))
			for j, text := range row {
				cells[j] = markdownText(cut(text, maxCell))
			}
			if list.columns[1] == "command" {
				cells[1] = markdownCode(cut(row[1], maxCell))
			}
			table.row(i, display.Complete, cells...)
		}
		heading := "\n#### " + list.heading + "\n"
		if len(table.rows) > 0 {
			share := (MaxMarkdown - b.Len()) / (len(lists) - n) // so that one long list leaves room for the others
			b.WriteString(heading)
			table.write(&b, fitting(table.rows, share-len(heading)-len(table.head)-noteSize))
		}
	}
	return b.String()
}
