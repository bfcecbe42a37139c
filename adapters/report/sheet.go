package report

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/quire-ci/quire-project/adapters/internal/display"
)

// paper is what people get of several runs: tables and remarks.
type paper struct {
	title   string // in Markdown
	first   string // the line before the tables at a terminal, if there is one
	sheets  []sheet
	remarks []string
}

// sheet is a table of text, for a terminal and for Markdown.
type sheet struct {
	heading string
	one     string // the name of a row
	columns []Column
	rows    [][]string
	total   bool // the first row sums up the others: it has no code
}

// writeValue writes a value as one JSON document that begins with its schema.
func writeValue(out io.Writer, schema string, value any) error {
	_, err := fmt.Fprintf(out, "{\"schema\":%q,%s\n", schema, compact(value)[1:])
	return err
}

// writeAs writes a value as JSON, as tables for a terminal with that many columns, where 0 means no
// limit, or as Markdown that fits into a comment.
func writeAs(out io.Writer, format Format, columns int, schema string, value any, of func() *paper) error {
	var text string
	switch format {
	case JSON:
		return writeValue(out, schema, value)
	case Markdown:
		text = of().markdown()
	default:
		text = of().terminal(columns)
	}
	_, err := io.WriteString(out, text)
	return err
}

func (p *paper) terminal(columns int) string {
	var parts []string
	if p.first != "" {
		parts = append(parts, fitted(columns, p.first))
	}
	for i := range p.sheets {
		if len(p.sheets[i].rows) > 0 {
			parts = append(parts, p.sheets[i].terminal(columns))
		}
	}
	return strings.Join(append(parts, fitted(columns, p.remarks...)), "\n")
}

// fitted returns lines of text, cut to the number of columns; 0 means no limit.
func fitted(columns int, lines ...string) string {
	var b strings.Builder
	for _, text := range lines {
		shown, _ := display.Fit(text, cmp.Or(columns, len(text)*4+1))
		b.WriteString(strings.TrimRight(shown, " ") + "\n")
	}
	return b.String()
}

// maxSheet limits the rows of a sheet at a terminal.
const maxSheet = 200

func (s *sheet) terminal(columns int) string {
	var b strings.Builder
	if s.heading != "" {
		b.WriteString(fitted(columns, s.heading))
	}
	grid := &Grid{Columns: s.columns}
	for _, row := range s.rows[:min(len(s.rows), maxSheet)] {
		grid.add(cmp.Or(columns, maxCell), row...)
	}
	_ = grid.Write(&b, columns) // a strings.Builder never fails
	if left := len(s.rows) - maxSheet; left > 0 {
		b.WriteString(fitted(columns, fmt.Sprintf("… and %d more", left)))
	}
	return b.String()
}

func (p *paper) markdown() string {
	var b, end strings.Builder
	fmt.Fprintf(&b, "### %s\n", markdownText(cut(p.title, 2*maxCell)))
	end.WriteString("\n")
	for _, text := range p.remarks {
		end.WriteString("- " + markdownText(cut(text, 2*maxCell)) + "\n")
	}
	for i := range p.sheets {
		if len(p.sheets[i].rows) > 0 { // each leaves room for those after it
			p.sheets[i].markdown(&b, (MaxMarkdown-b.Len()-end.Len())/(len(p.sheets)-i))
		}
	}
	return b.String() + end.String()
}

func (s *sheet) markdown(b *strings.Builder, room int) {
	titles := make([]string, len(s.columns))
	for i, c := range s.columns {
		titles[i] = c.Title
		if c.Right {
			titles[i] += ":"
		}
	}
	table := newTable(s.one, titles...)
	if s.heading != "" {
		table.head = "\n#### " + s.heading + "\n" + table.head
	}
	for i, row := range s.rows {
		cells := make([]string, len(row))
		for k, text := range row {
			if cells[k] = markdownText(cut(text, maxCell)); s.columns[k].Code && !(s.total && i == 0) {
				cells[k] = "<code>" + cells[k] + "</code>"
			}
		}
		table.row(i, display.Complete, cells...)
	}
	table.write(b, fitting(table.rows, room-len(table.head)-noteSize))
}
