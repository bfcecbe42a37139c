package report

import (
	"bufio"
	"io"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// tableLimits are the limits of one table. NDJSON and the other formats for machines have all rows.
var tableLimits = limits{rows: 10_000, command: 2000}

// tables writes a report for people at a terminal.
type tables struct {
	out     *bufio.Writer // keeps the first error
	options Options
	begun   bool
}

func writeTable(out io.Writer, run domain.RunID, stream projections.Stream, options Options) (projections.Run, error) {
	d, err := readDigest(run, stream, options, tableLimits)
	if err != nil {
		return projections.Run{}, err
	}
	t := &tables{out: bufio.NewWriterSize(out, flushSize), options: options}
	t.write(d)
	return d.run, t.out.Flush()
}

func (t *tables) write(d *digest) {
	if t.options.showSummary() {
		t.summary(d)
	}
	if t.options.showJobs() {
		t.jobs(&d.jobs)
	}
	if t.options.showCommands() {
		t.commands(&d.commands.shown)
		t.logs(&d.commands.shown)
	}
	if d.showSlowest(t.options) {
		t.slowest(d.slowest)
	}
	switch {
	case d.showDiagnostics(t.options):
		t.diagnostics(&d.diagnostics)
	case t.options.has(projections.Diagnostics.Definition) && t.options.asked():
		t.parts("", "", []string{"no diagnostics"})
	}
	for _, l := range d.listings {
		t.listing(l)
	}
}

// parts writes parts in one line, or in more if the terminal is too narrow. head is a part followed
// by a gap.
func (t *tables) parts(head, indent string, parts []string) {
	t.begun = true
	column := text.StringWidthWithoutEscSequences(head)
	_, _ = t.out.WriteString(head)
	between := "   "
	if head == "" {
		between = indent
	}
	for _, part := range parts {
		wide := text.StringWidth(part)
		if column > 0 && t.options.Width > 0 && column+text.StringWidth(between)+wide > t.options.Width {
			_, _ = t.out.WriteString("\n")
			column, between = 0, "  "
		}
		_, _ = t.out.WriteString(between + part)
		column += text.StringWidth(between) + wide
		between = " · "
	}
	_, _ = t.out.WriteString("\n")
}

func (t *tables) summary(d *digest) {
	verdict, id := display.OfRun(&d.run), display.Name(string(d.run.RunID))
	before, behind := display.Around(string(d.run.RunID))
	before, behind = verdict.Mark()+" "+before, behind+verdict.Word()
	most := maxID
	if t.options.Width > 0 {
		most = min(most, t.options.Width-text.StringWidth(before)-text.StringWidth(behind))
	}
	shown, _ := display.Fit(id, most)
	t.parts(t.paint(colorOf(verdict), before+shown+behind), "", d.headline())
	if labels := d.shownLabels(t.options); len(labels) > 0 {
		t.parts("", "  ", labels)
	}
	if timing := &d.timing; timing.BusyMs.Valid && timing.PeakJobs > 1 {
		t.parts("", "  ", []string{"busy " + maybe(timing.BusyMs), "jobs took " + maybe(timing.JobMs) + " in all",
			"up to " + strconv.Itoa(timing.PeakJobs) + " at once"})
	}
}

// grid writes a table, unless it has no rows, and a note about rows that are left out. A blank line
// separates it from the text before.
func (t *tables) grid(g *Grid, one string, left tally) {
	if len(g.Rows) == 0 {
		return
	}
	if t.begun {
		_, _ = t.out.WriteString("\n")
	}
	t.begun = true
	_ = g.write(t.out, t.options.Width, t.paint) // Flush returns the error
	if left.sum() > 0 {
		t.parts("", "", append(left.leftOut(one), "--to ndjson has all"))
	}
}

func (t *tables) jobs(jobs *shown[jobRow]) {
	rows, left := jobs.rows()
	g := &Grid{Columns: []Column{
		{Title: "job", Share: 1}, {Title: "state"}, {Title: "exit", Right: true, Drop: 5}, {Title: "start", Right: true, Drop: 4},
		{Title: "took", Right: true, Drop: 6}, {Title: "commands", Right: true, Drop: 3},
		{Title: "in commands", Right: true, Drop: 1}, {Title: "between", Right: true, Drop: 2},
	}}
	for _, r := range rows {
		job, timing := &r.row.Job, &r.row.timing
		g.Rows = append(g.Rows, []Cell{
			id(job.JobID), state(r.verdict, r.verdict.Word()), plain(exitCode(job.ExitCode)),
			plain(maybe(timing.OffsetMs)), plain(maybe(timing.DurationMs)), plain(strconv.Itoa(timing.ShCount)),
			plain(maybe(timing.ShMs)), plain(maybe(timing.GapMs)),
		})
	}
	t.grid(g, "job", left)
}

func (t *tables) commands(commands *shown[command]) {
	rows, left := commands.rows()
	g := &Grid{Columns: []Column{
		{Title: "job", Share: 1}, {Title: "sh", Right: true, Drop: 4}, {Title: "state"}, {Title: "exit", Right: true, Drop: 2},
		{Title: "start", Right: true, Drop: 1}, {Title: "took", Right: true, Drop: 3}, {Title: "command", Share: 2},
	}}
	for _, r := range rows {
		sh := &r.row
		g.Rows = append(g.Rows, []Cell{
			id(sh.jobID), plain(strconv.Itoa(sh.seq)), state(r.verdict, r.verdict.CommandWord(sh.code)), plain(exitCode(sh.code)),
			plain(maybe(sh.offset)), plain(maybe(sh.elapsed)), shortened(sh.cmd, t.widestCommand()),
		})
	}
	if t.options.Width == 0 {
		g.Columns[len(g.Columns)-1].Share = 0 // the last column may be of any width
	}
	t.grid(g, "command", left)
}

// widestCommand returns how many columns of a command are shown.
func (t *tables) widestCommand() int {
	if t.options.Width > 0 {
		return t.options.Width
	}
	return tableLimits.command
}

// maxLogs is how many logs are named.
const maxLogs = 10

// logs names the logs of failed commands. It does not shorten paths, so that you can paste them.
func (t *tables) logs(commands *shown[command]) {
	if t.options.Logs == nil {
		return
	}
	rows, _ := commands.rows()
	n := 0
	for i := range rows {
		if rows[i].verdict != display.Failed {
			continue
		}
		path, err := t.options.Logs.Path(rows[i].row.log())
		if err != nil {
			continue
		}
		if n == 0 {
			_, _ = t.out.WriteString("\n")
		}
		if n++; n > maxLogs {
			t.parts("", "", []string{"… quire-project log names and prints the others"})
			return
		}
		_, _ = t.out.WriteString("log of " + shownID(rows[i].row.name()) + ": " + shellWord(path) + "\n")
	}
}

func (t *tables) slowest(slowest []placed[command]) {
	g := &Grid{Columns: []Column{{Title: "slowest: job", Share: 1}, {Title: "sh", Right: true, Drop: 1}, {Title: "took", Right: true}, {Title: "command", Share: 2}}}
	for i := range slowest {
		sh := &slowest[i].row
		g.Rows = append(g.Rows, []Cell{id(sh.jobID), plain(strconv.Itoa(sh.seq)), plain(maybe(sh.elapsed)), shortened(sh.cmd, t.widestCommand())})
	}
	if t.options.Width == 0 {
		g.Columns[3].Share = 0 // the last column may be of any width
	}
	t.grid(g, "", tally{})
}

func (t *tables) diagnostics(diagnostics *shown[projections.Diagnostic]) {
	rows, left := diagnostics.rows()
	g := &Grid{Columns: []Column{
		{Title: "line", Right: true, Drop: 3}, {Title: "diagnostic"}, {Title: "job", Share: 1, Drop: 2}, {Title: "meaning", Share: 2, Drop: 1},
	}}
	for _, r := range rows {
		code := plain(string(r.row.Code))
		code.color = text.FgYellow
		meaning := plain(r.row.Code.Meaning())
		g.Rows = append(g.Rows, []Cell{plain(strconv.FormatInt(r.row.Line, 10)), code, id(r.row.JobID.V), meaning})
	}
	if t.options.Width == 0 {
		g.Columns[3].Share = 0
	}
	t.grid(g, "diagnostic", tally{display.Complete: left.sum()})
}

// listing writes the name and the rows of a projection without a view of its own.
func (t *tables) listing(l *listing) {
	rows, left := l.rows()
	if len(rows) == 0 {
		if t.options.asked() {
			t.parts("", "", []string{"no rows of " + l.of.Name})
		}
		return
	}
	if t.begun {
		_, _ = t.out.WriteString("\n")
	}
	t.begun = false // no blank line before the table
	_, _ = t.out.WriteString(l.of.Name + "\n")
	most := l.characters
	if t.options.Width > 0 {
		most = min(most, t.options.Width)
	}
	g := &Grid{Columns: l.columns(t.options.Width == 0)}
	for _, r := range rows {
		cells := make([]Cell, len(r.row))
		for i, value := range r.row {
			cells[i] = shortened(value, most)
		}
		g.Rows = append(g.Rows, cells)
	}
	t.grid(g, l.one(), left)
}

// id returns a cell with an id.
func id(s string) Cell { return shortened(s, maxID) }

// state returns a cell with a verdict. For a command that ended with a code, it has no mark.
func state(v display.Verdict, words string) Cell {
	mark := v.Mark()
	if strings.HasPrefix(words, "exit ") {
		mark = " "
	}
	c := plain(mark + " " + words)
	c.color = colorOf(v)
	return c
}

func colorOf(v display.Verdict) text.Color {
	return [...]text.Color{text.FgRed, text.FgYellow, text.FgYellow, text.Reset, text.FgGreen}[v]
}

// paint colours words if colours are enabled.
func (t *tables) paint(color text.Color, words string) string {
	if !t.options.Color || color == text.Reset {
		return words
	}
	return color.EscapeSeq() + words + text.EscapeReset
}
