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
	tables  []*view
	remarks []string
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
	for _, v := range p.tables {
		if len(v.rows) > 0 {
			parts = append(parts, v.terminal(columns))
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

// maxShown limits the rows of a table.
const maxShown = 200

func (v *view) terminal(columns int) string {
	var b strings.Builder
	if v.name != "" {
		b.WriteString(fitted(columns, v.name))
	}
	if columns > 0 {
		v.most, v.code = columns, columns
	}
	more := len(v.rows) - maxShown
	v.rows = v.rows[:min(len(v.rows), maxShown)]
	_ = v.grid(columns).Write(&b, columns) // a strings.Builder never fails
	if more > 0 {
		b.WriteString(fitted(columns, fmt.Sprintf("… and %d more", more)))
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
	for i, v := range p.tables {
		if len(v.rows) > 0 { // each leaves room for those after it
			table, room := v.markdown(), (MaxMarkdown-b.Len()-end.Len())/(len(p.tables)-i)
			table.write(&b, fitting(table.rows, room-len(table.head)-noteSize))
		}
	}
	return b.String() + end.String()
}
