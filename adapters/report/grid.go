package report

import (
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/quire-ci/quire-project/adapters/internal/display"
)

// Grid is a table at a terminal: columns of text, three spaces apart.
type Grid struct {
	Columns []Column
	Rows    [][]Cell
}

// Column says how a column is fitted to the terminal.
type Column struct {
	Title string
	Right bool
	// Share is greater than 0 for a column of text of any length, which is shortened if the
	// terminal is too narrow. Such columns divide the width that the others leave in proportion to
	// their shares.
	Share int
	// Drop is the order in which columns are left out on a narrow terminal: 1 first, 0 never.
	Drop int
	// Code says that the text is code, which Markdown shows.
	Code bool
	// Only says that a view has the column in one of its forms only.
	Only form
}

type form uint8

const (
	atTerminal form = iota + 1
	inMarkdown
)

// Cell is a printable text with its colour.
type Cell struct {
	text  string
	width int // in columns
	color text.Color
}

func plain(s string) Cell { return Cell{text: s, width: text.StringWidth(s)} }

// NewCell returns a cell with any text, escaped and shortened to a number of columns.
func NewCell(s string, columns int) Cell { return shortened(s, columns) }

// shortened returns a cell with text from a stream.
func shortened(s string, columns int) Cell {
	shown, width := display.Fit(s, columns)
	return Cell{text: shown, width: width}
}

// add appends a row of texts, each shortened to a number of columns.
func (g *Grid) add(columns int, texts ...string) {
	row := make([]Cell, len(texts))
	for i := range texts {
		row[i] = NewCell(texts[i], columns)
	}
	g.Rows = append(g.Rows, row)
}

const (
	gap = 3 // between columns
	// leastText is the least width of a column of text, which most titles need. usualText limits
	// such a column if the terminal sets no limit, so that one long text does not pad every row.
	leastText = 7
	usualText = 40
)

// Write writes the table, without colours, for a terminal with that many columns; 0 means no limit.
func (g *Grid) Write(out io.Writer, columns int) error {
	return g.write(out, columns, func(_ text.Color, words string) string { return words })
}

func (g *Grid) write(out io.Writer, columns int, paint func(text.Color, string) string) error {
	widths := g.Widths(columns)
	var b strings.Builder
	header := make([]Cell, len(g.Columns))
	for i, column := range g.Columns {
		header[i] = plain(strings.ToUpper(column.Title))
	}
	for _, row := range append([][]Cell{header}, g.Rows...) {
		b.Reset()
		g.line(&b, row, widths, columns > 0, paint)
		if _, err := io.WriteString(out, strings.TrimRight(b.String(), " ")+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// line writes a row. A cell wider than its column is shortened, or moves the cells after it.
func (g *Grid) line(b *strings.Builder, row []Cell, widths []int, shorten bool, paint func(text.Color, string) string) {
	first := true
	for i, c := range row {
		if widths[i] == dropped {
			continue
		}
		if !first {
			b.WriteString(strings.Repeat(" ", gap))
		}
		first = false
		if shorten && c.width > widths[i] {
			color := c.color
			c = shortened(c.text, widths[i])
			c.color = color
		}
		pad := strings.Repeat(" ", max(0, widths[i]-c.width))
		if g.Columns[i].Right {
			b.WriteString(pad)
		}
		b.WriteString(paint(c.color, c.text))
		if !g.Columns[i].Right {
			b.WriteString(pad)
		}
	}
}

// dropped is the width of a column that is left out.
const dropped = -1

// Widths returns the widths of the columns on a terminal with that many columns; 0 means no limit.
// A negative width means that the column is left out.
func (g *Grid) Widths(columns int) []int {
	widths := g.widths()
	if columns > 0 {
		g.fit(widths, columns)
		return widths
	}
	for i := range g.Columns {
		if g.Columns[i].Share > 0 {
			widths[i] = min(widths[i], usualText)
		}
	}
	return widths
}

// widths returns the widths that the columns need.
func (g *Grid) widths() []int {
	widths := make([]int, len(g.Columns))
	for i, column := range g.Columns {
		widths[i] = len(column.Title)
	}
	for _, row := range g.Rows {
		for i := range row {
			widths[i] = max(widths[i], row[i].width)
		}
	}
	return widths
}

// fit makes the table fit: it leaves columns out until those of text can have their least width,
// and divides the remaining width among those. A column that needs less than its share leaves the
// difference to the others.
func (g *Grid) fit(widths []int, columns int) {
	for drop := 1; g.least(widths) > columns && drop <= len(widths); drop++ {
		for i := range widths {
			if g.Columns[i].Drop == drop {
				widths[i] = dropped
			}
		}
	}
	left, wanted, shares, least := columns+gap, 0, 0, 0 // wanted, shares and least are totals of the columns of text
	for i := range widths {
		switch {
		case widths[i] == dropped:
			continue
		case g.Columns[i].Share > 0:
			wanted += widths[i]
			shares += g.Columns[i].Share
			least += min(widths[i], leastText)
		default:
			left -= widths[i]
		}
		left -= gap
	}
	for i := range widths {
		if widths[i] == dropped || g.Columns[i].Share == 0 {
			continue
		}
		wanted -= widths[i]
		least -= min(widths[i], leastText)
		// The columns after it keep at least their least width.
		widths[i] = min(widths[i], max(left*g.Columns[i].Share/shares, leastText, left-wanted), max(left-least, min(widths[i], leastText)))
		left -= widths[i]
		shares -= g.Columns[i].Share
	}
}

// least returns the least width of the table.
func (g *Grid) least(widths []int) int {
	least := -gap
	for i := range widths {
		switch {
		case widths[i] == dropped:
			continue
		case g.Columns[i].Share > 0:
			least += min(widths[i], leastText)
		default:
			least += widths[i]
		}
		least += gap
	}
	return least
}
