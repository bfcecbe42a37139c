package report

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/projections/trends"
)

// trendsSchema is the first member of the JSON document. It changes if its readers would have to.
const trendsSchema = "quire-project/trends/v1"

// WriteTrends writes trends as JSON, as tables for a terminal of so many columns, or as Markdown that fits a
// comment.
func WriteTrends(out io.Writer, format Format, columns int, t *trends.Trends) error {
	var text string
	switch format {
	case JSON:
		text = string(compact(trendsDocument{trendsSchema, t})) + "\n"
	case Markdown:
		text = trendsMarkdown(t)
	default:
		text = trendsTable(columns, t)
	}
	_, err := io.WriteString(out, text)
	return err
}

type trendsDocument struct {
	Schema string `json:"schema"`
	*trends.Trends
}

// trendList is one of the lists of trends, as texts. The first two columns are a job and a text.
type trendList struct {
	heading, one string
	columns      []string // numbers end with a colon
	rows         [][]string
}

// trendLists are the lists for people.
func trendLists(t *trends.Trends) []trendList {
	changes := trendList{"Changes", "change", []string{"job", "command", "before:", "after:", "change:", "since run", "at"}, nil}
	commands := trendList{"Commands", "command", []string{"job", "command", "count:", "failed:", "median:", "p95:"}, nil}
	for _, c := range t.Commands {
		commands.rows = append(commands.rows, []string{c.JobID, c.Cmd, fmt.Sprint(c.Count), Percent(c.Failed, c.Count), display.Maybe(c.MedianMs), display.Maybe(c.P95Ms)})
		for _, change := range c.Changes {
			changes.rows = append(changes.rows, []string{
				c.JobID, c.Cmd, display.Duration(change.BeforeMs), display.Duration(change.AfterMs), Signed(change.DeltaMs), string(change.RunID), display.Clock(change.StartedAtMs),
			})
		}
	}
	jobs := trendList{"Jobs that fail now and then", "job", []string{"job", "because", "count:", "failed:"}, nil}
	for _, job := range t.Jobs {
		switch job.Stability {
		case trends.Flaky:
			jobs.rows = append(jobs.rows, []string{job.JobID, "failed and succeeded on " + strings.Join(job.FlakyShas, ", "), fmt.Sprint(job.Count), Percent(job.Failed, job.Count)})
		case trends.Unclear:
			jobs.rows = append(jobs.rows, []string{job.JobID, "unclear: the runs have no sha", fmt.Sprint(job.Count), Percent(job.Failed, job.Count)})
		}
	}
	failures := trendList{"Failures", "failure", []string{"job", "command", "exit:", "count:", "first run", "last run"}, nil}
	for _, f := range t.Failures {
		exit := "–"
		if f.ExitCode.Valid {
			exit = fmt.Sprint(f.ExitCode.V)
		}
		text := f.Cmd
		if f.LastLine != "" {
			text += ": " + f.LastLine
		}
		failures.rows = append(failures.rows, []string{f.JobID, text, exit, fmt.Sprint(f.Count), string(f.FirstRun), string(f.LastRun)})
	}
	return []trendList{changes, jobs, failures, commands}
}

// Percent writes a share.
func Percent(part, whole int) string { return fmt.Sprintf("%.0f %%", 100*float64(part)/float64(whole)) }

// TrendRemarks say how many runs were looked at, and which were not used.
func TrendRemarks(t *trends.Trends) []string {
	all := []string{display.Plural(t.Runs, "run")}
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
		_ = grid.Write(&b, columns) // which has no errors
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
			share := (MaxMarkdown - b.Len()) / (len(lists) - n) // so that no list leaves no room for the others
			b.WriteString(heading)
			table.write(&b, fitting(table.rows, share-len(heading)-len(table.head)-noteSize))
		}
	}
	return b.String()
}
