package report

import (
	"fmt"
	"io"
	"strconv"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/quire-ci/quire-project/projections"
)

// tables writes a report for people at a terminal.
type tables struct {
	out     io.Writer
	options Options
	lines   int // how much has been written
	err     error
}

func writeTable(out io.Writer, record *projections.Record, options Options) error {
	t := &tables{out: out, options: options}
	has := options.Sections.Has
	if has(Run) || has(TimingsRun) {
		t.summary(record)
	}
	if has(Jobs) || has(TimingsJobs) {
		t.jobs(record)
	}
	if has(ShEvents) || has(TimingsSh) {
		t.commands(record)
	}
	if showSlowest(record, options) {
		t.slowest(record)
	}
	if has(Diagnostics) && (len(options.Sections) < len(All) || len(record.Diagnostics) > 0) {
		t.diagnostics(record)
	}
	return t.err
}

func (t *tables) line(s string) {
	t.lines++
	if t.err == nil {
		_, t.err = io.WriteString(t.out, s+"\n")
	}
}

// render writes a table that has rows, with a blank line before it if
// something came before.
func (t *tables) render(header table.Row, rows []table.Row, columns ...table.ColumnConfig) {
	if len(rows) == 0 {
		return
	}
	w := table.NewWriter()
	w.SetStyle(plainStyle)
	w.AppendHeader(header)
	w.AppendRows(rows)
	w.SetColumnConfigs(columns)
	w.SuppressTrailingSpaces()
	if t.lines > 0 {
		t.line("")
	}
	t.line(w.Render())
}

// plainStyle has no lines: spaces and the header's capitals are enough.
var plainStyle = table.Style{
	Name:    "plain",
	Box:     table.BoxStyle{PaddingRight: "   ", PageSeparator: "\n"},
	Format:  table.FormatOptions{Header: text.FormatUpper},
	Options: table.Options{},
}

func (t *tables) summary(r *projections.Record) {
	t.line(t.color(r.Run.State, mark(r.Run.State)+" "+Printable(string(r.Run.RunID))+" "+stateWord(r.Run.State)) + "   " + headline(r))
	if timing := r.Timings.Run; timing.BusyMs.Valid && timing.PeakJobs > 1 {
		t.line("  busy " + maybe(timing.BusyMs) + " · jobs took " + maybe(timing.JobMs) + " in all · up to " +
			strconv.Itoa(timing.PeakJobs) + " at once")
	}
}

func (t *tables) jobs(r *projections.Record) {
	var rows []table.Row
	for i := range r.Jobs {
		job, timing := &r.Jobs[i], &r.Timings.Jobs[i]
		rows = append(rows, table.Row{
			Printable(job.JobID), t.state(job.State), exitCode(job.ExitCode),
			maybe(timing.OffsetMs), maybe(timing.DurationMs), timing.ShCount, maybe(timing.ShMs), maybe(timing.GapMs),
		})
	}
	t.render(table.Row{"job", "state", "exit", "start", "took", "commands", "in commands", "between"}, rows,
		right(3), right(4), right(5), right(6), right(7), right(8))
}

func (t *tables) commands(r *projections.Record) {
	var rows []table.Row
	for i := range r.ShEvents {
		sh, timing := &r.ShEvents[i], &r.Timings.ShEvents[i]
		rows = append(rows, table.Row{
			Printable(sh.JobID), sh.Seq, t.state(shState(sh)), exitCode(sh.ExitCode),
			maybe(timing.OffsetMs), maybe(timing.DurationMs), Printable(sh.Cmd),
		})
	}
	header := table.Row{"job", "sh", "state", "exit", "start", "took", "command"}
	t.fit(header, rows)
	t.render(header, rows, right(2), right(4), right(5), right(6))
}

// fit shortens the last column of rows to what the terminal has left beside
// the others, but not so much that nothing could be recognised.
func (t *tables) fit(header table.Row, rows []table.Row) {
	if t.options.Width == 0 {
		return
	}
	last := len(header) - 1
	left := t.options.Width
	for column := range last {
		widest := text.StringWidthWithoutEscSequences(fmt.Sprint(header[column]))
		for _, row := range rows {
			widest = max(widest, text.StringWidthWithoutEscSequences(fmt.Sprint(row[column])))
		}
		left -= widest + len(plainStyle.Box.PaddingRight)
	}
	for _, row := range rows {
		row[last] = text.Snip(fmt.Sprint(row[last]), max(left, 20), "…")
	}
}

func (t *tables) slowest(r *projections.Record) {
	var rows []table.Row
	for _, sh := range r.Timings.Slowest {
		rows = append(rows, table.Row{Printable(sh.JobID), sh.Seq, duration(sh.DurationMs)})
	}
	t.render(table.Row{"slowest: job", "sh", "took"}, rows, right(2), right(3))
}

func (t *tables) diagnostics(r *projections.Record) {
	if len(r.Diagnostics) == 0 {
		t.line("no diagnostics")
		return
	}
	var rows []table.Row
	for _, d := range r.Diagnostics {
		rows = append(rows, table.Row{d.Line, t.paint(text.FgYellow, string(d.Code)), Printable(d.JobID.V), d.Code.Meaning()})
	}
	t.render(table.Row{"line", "diagnostic", "job", "meaning"}, rows, right(1))
}

func right(column int) table.ColumnConfig {
	return table.ColumnConfig{Number: column, Align: text.AlignRight, AlignHeader: text.AlignRight}
}

func (t *tables) state(s projections.State) string {
	return t.color(s, mark(s)+" "+stateWord(s))
}

// mark makes a state recognisable where there are no colours.
func mark(s projections.State) string {
	switch s {
	case projections.Complete:
		return "✓"
	case projections.Failed:
		return "✗"
	}
	return "…"
}

func (t *tables) color(s projections.State, words string) string {
	switch s {
	case projections.Complete:
		return t.paint(text.FgGreen, words)
	case projections.Failed:
		return t.paint(text.FgRed, words)
	}
	return t.paint(text.FgYellow, words)
}

// paint colours words, if the terminal is to have colours.
func (t *tables) paint(color text.Color, words string) string {
	if !t.options.Color {
		return words
	}
	return color.EscapeSeq() + words + text.EscapeReset
}
