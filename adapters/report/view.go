package report

import (
	"cmp"
	"strconv"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/projections"
)

// view is a table, for a terminal and for Markdown.
type view struct {
	name    string // above the table, if it has one
	mark    string // before the name in Markdown
	one     string // the name of a row
	columns []Column
	most    int // limit of characters per text
	code    int // limit of characters per code; 0 means that of commands
	rows    []placed[[]cell]
	left    tally // rows that are left out
}

// cell is a text. Markdown shows raw instead, unchanged, if it is set.
type cell struct {
	text, raw string
	color     text.Color
}

func (v *view) row(index int, verdict display.Verdict, cells ...cell) {
	v.rows = append(v.rows, placed[[]cell]{index, verdict, cells})
}

// texts adds a row of texts.
func (v *view) texts(texts ...string) {
	cells := make([]cell, len(texts))
	for i, text := range texts {
		cells[i] = word(text)
	}
	v.row(len(v.rows), display.Complete, cells...)
}

func word(s string) cell { return cell{text: s} }

func number(n int) cell { return word(strconv.Itoa(n)) }

func lasted(ms projections.Null[int64]) cell { return word(maybe(ms)) }

func (d *digest) jobView() *view {
	rows, left := d.jobs.rows()
	v := &view{one: "job", left: left, most: maxID, columns: []Column{
		{Only: inMarkdown}, {Title: "job", Share: 1}, {Title: "state"}, {Title: "exit", Right: true, Drop: 5}, {Title: "start", Right: true, Drop: 4},
		{Title: "took", Right: true, Drop: 6}, {Title: "commands", Right: true, Drop: 3},
		{Title: "in commands", Right: true, Drop: 1, Only: atTerminal}, {Title: "between", Right: true, Drop: 2},
	}}
	for _, r := range rows {
		job, timing := &r.row.Job, &r.row.timing
		state := cell{r.verdict.Mark() + " " + r.verdict.Word(), emphasis(r.verdict), colorOf(r.verdict)}
		v.row(r.index, r.verdict, word(emoji(r.verdict)), word(job.JobID), state, word(exitCode(job.ExitCode)), lasted(timing.OffsetMs),
			lasted(timing.DurationMs), number(timing.ShCount), lasted(timing.ShMs), lasted(timing.GapMs))
	}
	return v
}

func (d *digest) commandView() *view {
	rows, left := d.commands.shown.rows()
	v := &view{one: "command", left: left, most: maxID, columns: []Column{
		{Only: inMarkdown}, {Title: "job", Share: 1}, {Title: "sh", Right: true, Drop: 4}, {Title: "state", Only: atTerminal}, {Title: "exit", Right: true, Drop: 2},
		{Title: "start", Right: true, Drop: 1, Only: atTerminal}, {Title: "took", Right: true, Drop: 3}, {Title: "command", Share: 2, Code: true},
	}}
	for _, r := range rows {
		sh, words := &r.row, r.verdict.CommandWord(r.row.code)
		mark, sign := r.verdict.Mark(), emoji(r.verdict)
		if r.verdict != display.Failed && sh.code.V != 0 { // only the job knows whether it failed
			mark, sign = " ", words
		}
		v.row(r.index, r.verdict, word(sign), word(sh.jobID), number(sh.seq), cell{text: mark + " " + words, color: colorOf(r.verdict)},
			word(exitCode(sh.code)), lasted(sh.offset), lasted(sh.elapsed), word(sh.cmd))
	}
	return v
}

func (d *digest) slowestView() *view {
	v := &view{one: "slow command", most: maxID, columns: []Column{
		{Title: "slowest: job", Share: 1}, {Title: "sh", Right: true, Drop: 1}, {Title: "took", Right: true}, {Title: "command", Share: 2, Code: true},
	}}
	for i := range d.slowest {
		sh := &d.slowest[i].row
		v.row(i, display.Complete, word(sh.jobID), number(sh.seq), lasted(sh.elapsed), word(sh.cmd))
	}
	return v
}

func (d *digest) diagnosticView() *view {
	rows, left := d.diagnostics.rows()
	v := &view{one: "diagnostic", most: maxID, columns: []Column{
		{Title: "line", Right: true, Drop: 3}, {Title: "diagnostic"}, {Title: "job", Share: 1, Drop: 2}, {Title: "meaning", Share: 2, Drop: 1},
	}}
	v.left[display.Complete] = left.sum() // none of them failed or is unfinished
	for _, r := range rows {
		code := string(r.row.Code)
		v.row(r.index, r.verdict, word(strconv.FormatInt(r.row.Line, 10)), cell{code, "`" + code + "`", text.FgYellow}, word(r.row.JobID.V), word(r.row.Code.Meaning()))
	}
	return v
}

// view returns the rows of a projection without a view of its own. If a terminal is too narrow, the last
// columns are left out first, and the first one never is.
func (l *listing) view() *view {
	rows, left := l.rows()
	v := &view{name: l.of.Name, one: l.of.Name + " row", left: left, most: l.characters}
	for i, c := range l.of.Columns {
		column := Column{Title: c.Name, Right: c.Type == projections.Int}
		if c.Type == projections.Text {
			column.Share = 1
		}
		if i > 0 {
			column.Drop = len(l.of.Columns) - i
		}
		v.columns = append(v.columns, column)
	}
	for _, r := range rows {
		v.texts(r.row...)
	}
	return v
}

// grid returns the table for a terminal with that many columns; 0 means no limit.
func (v *view) grid(width int) *Grid {
	g := &Grid{}
	for _, c := range v.columns {
		if c.Only != inMarkdown {
			g.Columns = append(g.Columns, c)
		}
	}
	if width == 0 {
		g.Columns[len(g.Columns)-1].Share = 0 // the last column pushes no other aside
	}
	for _, r := range v.rows {
		var row []Cell
		for i, c := range r.row {
			most := v.most
			if v.columns[i].Code {
				most = cmp.Or(v.code, tableLimits.command)
			}
			if width > 0 {
				most = min(most, width)
			}
			shown := shortened(c.text, most)
			if shown.color = c.color; v.columns[i].Only != inMarkdown {
				row = append(row, shown)
			}
		}
		g.Rows = append(g.Rows, row)
	}
	return g
}

func (v *view) markdown() *markdownTable {
	var titles []string
	for _, c := range v.columns {
		if v.name != "" {
			c.Title = markdownText(c.Title)
		}
		if c.Right {
			c.Title += ":"
		}
		if c.Only != atTerminal {
			titles = append(titles, c.Title)
		}
	}
	t := newTable(v.one, titles...)
	if t.left = v.left; v.name != "" {
		t.head = "\n" + v.mark + markdownText(v.name) + "\n" + t.head
	}
	for _, r := range v.rows {
		var cells []string
		for i, c := range r.row {
			switch {
			case v.columns[i].Only == atTerminal:
			case c.raw != "":
				cells = append(cells, c.raw)
			case v.columns[i].Code:
				cells = append(cells, markdownCode(cut(c.text, cmp.Or(v.code, markdownCommand))))
			default:
				cells = append(cells, markdownText(cut(c.text, v.most)))
			}
		}
		t.row(r.index, r.verdict, cells...)
	}
	return t
}
