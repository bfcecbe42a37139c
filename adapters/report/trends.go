package report

import (
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
	return writeAs(out, format, columns, trendsSchema, t, func() *paper {
		return &paper{title: "Trends", tables: trendTables(t), remarks: TrendRemarks(t)}
	})
}

// trendTable returns a table without rows.
func trendTable(name, one string, columns ...Column) *view {
	return &view{name: name, mark: "#### ", one: one, columns: columns, most: maxCell, code: maxCell}
}

func trendTables(t *trends.Trends) []*view {
	changes := trendTable("Changes", "change",
		Column{Title: "job", Share: 1}, Column{Title: "command", Share: 2, Code: true}, Column{Title: "before", Right: true, Drop: 2}, Column{Title: "after", Right: true, Drop: 3},
		Column{Title: "change", Right: true}, Column{Title: "since run", Share: 1}, Column{Title: "at", Drop: 1},
	)
	commands := trendTable("Commands", "command",
		Column{Title: "job", Share: 1}, Column{Title: "command", Share: 2, Code: true}, Column{Title: "count", Right: true, Drop: 2}, Column{Title: "failed", Right: true, Drop: 3},
		Column{Title: "median", Right: true}, Column{Title: "p95", Right: true, Drop: 1},
	)
	job := JobNames(t)
	for _, c := range t.Commands {
		name := job(c.Pipeline, c.JobID)
		commands.texts(name, c.Cmd, fmt.Sprint(c.Count), Percent(c.Failed, c.Count), display.Maybe(c.MedianMs), display.Maybe(c.P95Ms))
		for _, change := range c.Changes {
			changes.texts(name, c.Cmd, display.Duration(change.BeforeMs), display.Duration(change.AfterMs), Signed(change.DeltaMs), string(change.RunID), display.Clock(change.StartedAtMs))
		}
	}
	jobs := trendTable("Jobs that fail now and then", "job",
		Column{Title: "job", Share: 1}, Column{Title: "because", Share: 2}, Column{Title: "count", Right: true}, Column{Title: "failed", Right: true},
	)
	for _, j := range t.Jobs {
		switch j.Stability {
		case trends.Flaky:
			jobs.texts(job(j.Pipeline, j.JobID), "failed and succeeded on "+shortShas(j.FlakyShas), fmt.Sprint(j.Count), Percent(j.Failed, j.Count))
		case trends.Unclear:
			jobs.texts(job(j.Pipeline, j.JobID), "unclear: the runs have no sha", fmt.Sprint(j.Count), Percent(j.Failed, j.Count))
		}
	}
	return []*view{changes, jobs, failureTable(t, job), commands}
}

func failureTable(t *trends.Trends, job func(trends.Pipeline, string) string) *view {
	failures := trendTable("Failures", "failure",
		Column{Title: "job", Share: 1}, Column{Title: "command", Share: 2, Code: true}, Column{Title: "exit", Right: true, Drop: 2}, Column{Title: "count", Right: true, Drop: 3},
		Column{Title: "first run", Share: 1}, Column{Title: "last run", Drop: 1},
	)
	lines := slices.ContainsFunc(t.Failures, func(f trends.Failure) bool { return f.LastLine != "" })
	if lines {
		failures.columns = slices.Insert(failures.columns, 2, Column{Title: "last line", Share: 2, Drop: 4})
	}
	for _, f := range t.Failures {
		row := []string{job(f.Pipeline, f.JobID), f.Cmd, exitCode(f.ExitCode), fmt.Sprint(f.Count), string(f.FirstRun), string(f.LastRun)}
		if lines {
			row = slices.Insert(row, 2, f.LastLine)
		}
		failures.texts(row...)
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
	return append(all, leftOut(t.LeftOut)...)
}
