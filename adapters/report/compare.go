package report

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/compare"
	"github.com/quire-ci/quire-project/projections/store"
)

// compareSchema is the first member of the JSON document. It changes when a change of the document
// would break its readers.
const compareSchema = "quire-project/compare/v1"

// ErrSeveralRuns reports a source with several runs where compare needs a single one.
var ErrSeveralRuns = errors.New("there are several runs, but compare takes one; name it")

// Compare compares the only run of the streams a with the only run of b. The runs of history are
// the earlier runs; failed is called with the error of each of these that cannot be read. The
// functions prepare each run.
func Compare(ctx context.Context, a, b, history jsonl.Streams, failed func(error), prepare ...func(*projections.Record)) (*compare.Comparison, error) {
	of, err := onlyRecord(ctx, a, prepare)
	if err != nil {
		return nil, err
	}
	to, err := onlyRecord(ctx, b, prepare)
	if err != nil {
		return nil, err
	}
	c := compare.Runs(of, to)
	if len(history.Paths) == 0 {
		return c, nil
	}
	earlier := compare.Earlier(to)
	for at, err := range history.Locations() {
		var record *projections.Record
		if err == nil {
			record, err = readRecord(ctx, history, at, prepare)
		}
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil:
			failed(err)
		default:
			earlier.Add(record)
		}
	}
	c.Judge(earlier)
	return c, nil
}

func onlyRecord(ctx context.Context, streams jsonl.Streams, prepare []func(*projections.Record)) (*projections.Record, error) {
	var only *projections.Record
	for at, err := range streams.Locations() {
		if err == nil && only != nil {
			err = fmt.Errorf("%s: %w", Printable(streams.Paths[0]), ErrSeveralRuns)
		}
		if err != nil {
			return nil, err
		}
		if only, err = readRecord(ctx, streams, at, prepare); err != nil {
			return nil, err
		}
	}
	return only, nil
}

func readRecord(ctx context.Context, streams jsonl.Streams, at jsonl.Location, prepare []func(*projections.Record)) (*projections.Record, error) {
	entries, err := streams.Open(ctx, at, streams.Options, true)
	if err != nil {
		return nil, err
	}
	defer entries.Close()
	record, err := projections.Project(at.Run, entries)
	for i := 0; err == nil && i < len(prepare); i++ {
		prepare[i](record)
	}
	return record, err
}

// StoredComparison is a comparison of two runs of a store, or of two groups of runs.
type StoredComparison struct {
	runs [2]domain.RunID
	// Groups are the two groups; nil if two runs are compared.
	Groups []store.Selection
}

// ParseStored parses A and B: the ids of two runs or, for groups, two selections such as
// ref=main,last=20. By default, a group has the latest 200 complete runs.
func ParseStored(a, b string, now time.Time) (c StoredComparison, err error) {
	usual := store.Selection{State: projections.Complete, Last: 200}
	if strings.Contains(a, "=") != strings.Contains(b, "=") {
		return c, fmt.Errorf("one of %q and %q is the id of a run, the other one a group of runs; name two runs or two groups", a, b)
	}
	for i, text := range []string{a, b} {
		var group store.Selection
		if c.runs[i] = domain.RunID(text); !strings.Contains(text, "=") {
			err = store.CheckRunID(c.runs[i])
		} else if group, err = store.ParseSelection(text, usual, now); err == nil {
			c.Groups = append(c.Groups, group)
		}
		if err != nil {
			return c, err
		}
	}
	return c, nil
}

// Write makes the comparison from a store, and writes it as [WriteComparison] does. The functions
// prepare each run.
func (c StoredComparison) Write(ctx context.Context, out io.Writer, format Format, columns int, s store.Store, prepare ...func(*projections.Record)) error {
	if c.Groups != nil {
		groups, err := compare.StoredGroups(ctx, s, c.Groups[0], c.Groups[1], prepare...)
		if err != nil {
			return err
		}
		return WriteGroups(out, format, columns, groups)
	}
	runs, err := compare.Stored(ctx, s, c.runs[0], c.runs[1], prepare...)
	if err != nil {
		return err
	}
	return WriteComparison(out, format, columns, runs)
}

// WriteComparison writes a comparison as JSON, as a table for a terminal with that many columns, or
// as Markdown that fits into a comment.
func WriteComparison(out io.Writer, format Format, columns int, c *compare.Comparison) error {
	return writeAs(out, format, columns, compareSchema, c, func() *paper {
		account := &view{one: "part", most: maxCell, columns: []Column{{Title: "part", Share: 1}, {Title: "change", Right: true}}}
		for _, part := range Parts(c) {
			account.texts(part.Name, Signed(part.Ms))
		}
		commands := &view{one: "command", most: maxCell, code: maxCell, columns: []Column{
			{Title: "job", Share: 1, Drop: 4}, {Title: "command", Share: 2, Code: true}, {Title: "A", Right: true, Drop: 1},
			{Title: "B", Right: true, Drop: 2}, {Title: "change", Right: true}, {Title: "verdict", Drop: 3},
		}}
		for _, row := range changed(c) {
			commands.texts(row...)
		}
		return &paper{walls(c), walls(c), []*view{account, commands}, Remarks(c)}
	})
}

// changed returns the rows of commands that explain part of the difference, or that are in one run
// only: the job, the command, both durations, the change and the verdict.
func changed(c *compare.Comparison) (rows [][]string) {
	for i := range c.Commands {
		command := &c.Commands[i]
		if command.Explains() == 0 && command.A != nil && command.B != nil {
			continue
		}
		change := Signed(command.Explains())
		if command.A != nil && command.B != nil && !command.DeltaMs.Valid {
			change = "–"
		}
		verdict := string(command.Verdict)
		switch {
		case command.A == nil:
			verdict = "only in B"
		case command.B == nil:
			verdict = "only in A"
		case command.Verdict == compare.None:
			verdict = ""
		}
		rows = append(rows, []string{command.JobID, command.Cmd, took(command.A), took(command.B), change, verdict})
	}
	return rows
}

func took(side *compare.Side) string {
	if side == nil {
		return ""
	}
	return display.Maybe(side.DurationMs)
}

// Signed formats a change in milliseconds, with its sign.
func Signed(ms int64) string {
	switch {
	case ms > 0:
		return "+" + display.Duration(ms)
	case ms < 0:
		return "−" + display.Duration(-ms)
	}
	return "0ms"
}

// walls returns a line with the durations of both runs.
func walls(c *compare.Comparison) string {
	text := fmt.Sprintf("B %s took %s, A %s took %s", Printable(string(c.B.RunID)), display.Maybe(c.WallMs.B), Printable(string(c.A.RunID)), display.Maybe(c.WallMs.A))
	if c.WallMs.Delta.Valid {
		text += ": " + Signed(c.WallMs.Delta.V)
	}
	return text
}

// Part is a part of the difference between two runs' durations.
type Part struct {
	Name string
	Ms   int64
}

// Parts returns the parts, which add up to the difference.
func Parts(c *compare.Comparison) []Part {
	if c.Account == nil {
		return nil
	}
	return []Part{
		{"commands of both runs", c.Account.MatchedMs},
		{"commands only in B", c.Account.OnlyBMs},
		{"commands only in A", -c.Account.OnlyAMs},
		{"more or less overlap", -c.Account.OverlapMs},
		{"time without a command", c.Account.IdleMs},
	}
}

// Remarks returns how many commands match, how many runs verdicts are based on, and warnings.
func Remarks(c *compare.Comparison) []string {
	matched := fmt.Sprintf("%d of %s matched", c.Matching.Matched, display.Plural(max(c.Matching.A, c.Matching.B), "command"))
	if share := c.Matching.ExplainedPercent; share.Valid {
		matched += fmt.Sprintf("; they explain %d %% of the difference", share.V)
	}
	history := display.Plural(c.History.Runs, "earlier run")
	if c.History.Runs < compare.LeastRuns {
		history += fmt.Sprintf(": no verdicts, which need %d", compare.LeastRuns)
	}
	return append(append([]string{matched, history}, c.Notes...), leftOut(c.History.LeftOut)...)
}

// leftOut names the runs that were not used; of many, the first ones.
func leftOut(runs []compare.LeftOut) (all []string) {
	const most = 10
	for _, out := range runs[:min(most, len(runs))] {
		all = append(all, fmt.Sprintf("left out: %s, %s", out.RunID, out.Reason))
	}
	if more := len(runs) - most; more > 0 {
		all = append(all, fmt.Sprintf("and %d more are left out", more))
	}
	return all
}
