package report

import (
	"bufio"
	"io"
	"strconv"

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
		t.view(d.jobView())
	}
	if t.options.showCommands() {
		t.view(d.commandView())
		t.logs(&d.commands.shown)
	}
	if d.showSlowest(t.options) {
		t.view(d.slowestView())
	}
	switch {
	case d.showDiagnostics(t.options):
		t.view(d.diagnosticView())
	case t.options.has(projections.Diagnostics.Definition) && t.options.asked():
		t.parts("", "", []string{"no diagnostics"})
	}
	for _, l := range d.listings {
		t.view(l.view())
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

// view writes a table, unless it has no rows, and a note about rows that are left out. A blank line
// separates it from the text before.
func (t *tables) view(v *view) {
	if len(v.rows) == 0 {
		if v.name != "" && t.options.asked() {
			t.parts("", "", []string{"no rows of " + v.name})
		}
		return
	}
	if t.begun {
		_, _ = t.out.WriteString("\n")
	}
	if t.begun = true; v.name != "" {
		_, _ = t.out.WriteString(v.name + "\n")
	}
	_ = v.grid(t.options.Width).write(t.out, t.options.Width, t.paint) // Flush returns the error
	if v.left.sum() > 0 {
		t.parts("", "", append(v.left.leftOut(v.one), "--to ndjson has all"))
	}
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
