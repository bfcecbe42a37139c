package report

import (
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/quire-ci/quire-project/adapters/internal/display"
)

// grid is a table at a terminal: columns of text, three spaces apart.
type grid struct {
	columns []gridColumn
	rows    [][]cell
}

// gridColumn says how a column is fitted to the terminal.
type gridColumn struct {
	title string
	right bool
	// text is of any length: it is shortened where there is too little room.
	text bool
	// drop says when the column is left out for want of room: 1 first, 0 never.
	drop int
}

// cell is a text, which is printable, and its colour.
type cell struct {
	text  string
	width int // in columns
	color text.Color
}

func plain(s string) cell { return cell{text: s, width: text.StringWidth(s)} }

// shortened is text of a stream as a cell.
func shortened(s string, columns int) cell {
	shown, width := display.Fit(s, columns)
	return cell{text: shown, width: width}
}

const (
	gap = 3 // between columns
	// leastText is how wide a column of text is at least, and usualText how wide at most
	// where the terminal sets no limit: one long text does not pad every row.
	leastText = 8
	usualText = 40
)

// write writes the table for a terminal that has so many columns, 0 if there is no limit.
func (g *grid) write(out io.Writer, columns int, paint func(text.Color, string) string) error {
	widths := g.widths()
	if columns == 0 {
		for i := range g.columns {
			if g.columns[i].text {
				widths[i] = min(widths[i], usualText)
			}
		}
	} else {
		g.fit(widths, columns)
	}
	var b strings.Builder
	header := make([]cell, len(g.columns))
	for i, column := range g.columns {
		header[i] = plain(strings.ToUpper(column.title))
	}
	for _, row := range append([][]cell{header}, g.rows...) {
		b.Reset()
		g.line(&b, row, widths, columns > 0, paint)
		if _, err := io.WriteString(out, strings.TrimRight(b.String(), " ")+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// line writes a row. A cell that is wider than its column is shortened, or pushes the
// others aside.
func (g *grid) line(b *strings.Builder, row []cell, widths []int, shorten bool, paint func(text.Color, string) string) {
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
		if g.columns[i].right {
			b.WriteString(pad)
		}
		b.WriteString(paint(c.color, c.text))
		if !g.columns[i].right {
			b.WriteString(pad)
		}
	}
}

// dropped is the width of a column that is left out.
const dropped = -1

// widths returns how wide the columns would be.
func (g *grid) widths() []int {
	widths := make([]int, len(g.columns))
	for i, column := range g.columns {
		widths[i] = len(column.title)
	}
	for _, row := range g.rows {
		for i := range row {
			widths[i] = max(widths[i], row[i].width)
		}
	}
	return widths
}

// fit makes the columns fit: it leaves some out until those of text have the least that they
// need, and shares what is left among these. The first has at most a third, unless the
// last does not need the rest.
func (g *grid) fit(widths []int, columns int) {
	for drop := 1; g.least(widths) > columns && drop <= len(widths); drop++ {
		for i := range widths {
			if g.columns[i].drop == drop {
				widths[i] = dropped
			}
		}
	}
	var texts []int
	left := columns
	for i := range widths {
		switch {
		case widths[i] == dropped:
			continue
		case g.columns[i].text:
			texts = append(texts, i)
		default:
			left -= widths[i]
		}
		left -= gap
	}
	left += gap
	for n, i := range texts {
		most := left
		if n < len(texts)-1 {
			most = max(left/3, leastText, left-widths[texts[n+1]])
		}
		widths[i] = min(widths[i], most)
		left -= widths[i]
	}
}

// least is how wide the table is at least.
func (g *grid) least(widths []int) int {
	least := -gap
	for i := range widths {
		switch {
		case widths[i] == dropped:
			continue
		case g.columns[i].text:
			least += min(widths[i], leastText)
		default:
			least += widths[i]
		}
		least += gap
	}
	return least
}
