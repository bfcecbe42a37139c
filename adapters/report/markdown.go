package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/quire-ci/quire-project/projections"
)

// MaxMarkdown is where a Markdown report is cut, in bytes: below the megabyte
// that hosts take.
const MaxMarkdown = 900_000

// maxMarkdownCommand is how many characters of one command are shown.
const maxMarkdownCommand = 500

// markdown is a report in the making. Text from a stream is escaped so that it
// stands there as it is, and is neither markup, nor HTML, nor a mention.
type markdown struct {
	strings.Builder
	room int // bytes it may have
	left int // rows that did not fit
}

func writeMarkdown(out io.Writer, record *projections.Record, options Options) error {
	m := &markdown{room: MaxMarkdown}
	if options.Room > 0 {
		m.room = min(m.room, options.Room)
	}
	has := options.Sections.Has
	if has(Run) || has(TimingsRun) {
		run := record.Run
		fmt.Fprintf(m, "### %s %s %s\n\n%s\n", emoji(run.State), markdownText(string(run.RunID)), stateWord(run.State), headline(record))
	}
	if (has(Jobs) || has(TimingsJobs)) && len(record.Jobs) > 0 {
		m.jobs(record)
	}
	if (has(ShEvents) || has(TimingsSh)) && len(record.ShEvents) > 0 {
		m.commands(record)
	}
	if showSlowest(record, options) {
		m.slowest(record)
	}
	if has(Diagnostics) && len(record.Diagnostics) > 0 {
		m.diagnostics(record)
	}
	if m.left > 0 {
		fmt.Fprintf(m, "\n*%s left out, because the report would have been too large for a comment.*\n", plural(m.left, "row", "rows"))
	}
	_, err := io.WriteString(out, m.String())
	return err
}

// table begins a table. Columns whose name ends with a colon are aligned to
// the right, which is how Markdown writes it.
func (m *markdown) table(columns ...string) {
	if m.left > 0 {
		return // none of its rows would fit
	}
	rule := make([]string, len(columns))
	for i, column := range columns {
		rule[i] = "---"
		if strings.HasSuffix(column, ":") {
			rule[i] = "---:"
			columns[i] = strings.TrimSuffix(column, ":")
		}
	}
	m.WriteString("\n| " + strings.Join(columns, " | ") + " |\n| " + strings.Join(rule, " | ") + " |\n")
}

// row adds a row, as long as the report does not get too large.
func (m *markdown) row(cells ...string) {
	line := "| " + strings.Join(cells, " | ") + " |\n"
	if m.left > 0 || m.Len()+len(line) > m.room {
		m.left++
		return
	}
	m.WriteString(line)
}

func (m *markdown) jobs(r *projections.Record) {
	m.table("", "job", "state", "exit:", "start:", "took:", "commands:", "between:")
	for i, job := range r.Jobs {
		timing := r.Timings.Jobs[i]
		m.row(emoji(job.State), markdownText(job.JobID), emphasis(job.State), exitCode(job.ExitCode),
			maybe(timing.OffsetMs), maybe(timing.DurationMs), strconv.Itoa(timing.ShCount), maybe(timing.GapMs))
	}
}

func (m *markdown) commands(r *projections.Record) {
	m.table("", "job", "sh:", "exit:", "took:", "command")
	for i := range r.ShEvents {
		sh := &r.ShEvents[i]
		m.row(emoji(shState(sh)), markdownText(sh.JobID), strconv.Itoa(sh.Seq), exitCode(sh.ExitCode),
			maybe(r.Timings.ShEvents[i].DurationMs), markdownCode(cut(sh.Cmd, maxMarkdownCommand)))
	}
}

func (m *markdown) slowest(r *projections.Record) {
	m.table("slowest: job", "sh:", "took:")
	for _, sh := range r.Timings.Slowest {
		m.row(markdownText(sh.JobID), strconv.Itoa(sh.Seq), duration(sh.DurationMs))
	}
}

func (m *markdown) diagnostics(r *projections.Record) {
	m.table("line:", "diagnostic", "job", "meaning")
	for _, d := range r.Diagnostics {
		m.row(strconv.FormatInt(d.Line, 10), "`"+string(d.Code)+"`", markdownText(d.JobID.V), d.Code.Meaning())
	}
}

func emoji(s projections.State) string {
	switch s {
	case projections.Complete:
		return "✅"
	case projections.Failed:
		return "❌"
	}
	return "⏳"
}

// emphasis makes what is not as it should be stand out.
func emphasis(s projections.State) string {
	if s == projections.Complete {
		return stateWord(s)
	}
	return "**" + stateWord(s) + "**"
}

// markdownText writes text so that it stands there as it is. Characters that
// mean something, in Markdown, in HTML or to a host (mentions, references,
// links, formulas), are written as character references, which are text
// wherever they stand: a backslash is not enough in the cell of a table.
func markdownText(s string) string {
	var b strings.Builder
	for _, r := range Printable(s) {
		if strings.ContainsRune("\\`*_[]<>#|&~@:$", r) {
			fmt.Fprintf(&b, "&#%d;", r)
			continue
		}
		b.WriteRune(r)
	}
	return strings.ReplaceAll(b.String(), "www.", "www&#46;") // links as it stands
}

// markdownCode is markdownText as code.
func markdownCode(s string) string { return "<code>" + markdownText(s) + "</code>" }
