package cli

import (
	"cmp"
	"io"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/projections/store"
)

// differenceTable prints differences for people, many at a time.
type differenceTable struct {
	out   io.Writer
	width int // of the terminal, 0 if there is none
	rows  [][6]string
	begun bool
}

// tableRows is how many differences have one table, and so are kept.
const tableRows = 200

// maxColumn is how wide a column is at most where there is no terminal.
const maxColumn = 120

const (
	noRow    = "no row"
	goesOn   = "the stream goes on"
	notReady = "not stored yet"
)

func (d *differenceTable) found(difference store.Difference) error {
	stored, derived := readable(difference.Stored), readable(difference.Derived)
	switch difference.Kind {
	case store.Missing:
		stored = noRow
	case store.Extra:
		derived = noRow
	case store.Behind:
		if difference.Stored == nil {
			stored = notReady
		} else {
			derived = goesOn
		}
	}
	d.rows = append(d.rows, [6]string{
		string(difference.RunID), difference.Table, cmp.Or(difference.Key.String(), "–"), cmp.Or(difference.Column, "–"), stored, derived,
	})
	if len(d.rows) == tableRows {
		return d.pause()
	}
	return nil
}

// readable is a value, or a whole row, in one line.
func readable(value any) string { return report.Printable(string(compact(value))) }

func (d *differenceTable) setAside(store.Verified) error { return nil } // which has been told

func (d *differenceTable) end(int, string) error { return d.pause() }

var differenceColumns = []report.Column{
	{Title: "run", Share: 1, Drop: 2}, {Title: "table", Drop: 1}, {Title: "key", Share: 1}, {Title: "column", Share: 1},
	{Title: "stored", Share: 1}, {Title: "derived", Share: 1},
}

// pause prints the differences that are kept.
func (d *differenceTable) pause() error {
	if len(d.rows) == 0 {
		return nil
	}
	g := &report.Grid{Columns: differenceColumns}
	for _, row := range d.rows {
		cells := make([]report.Cell, len(row))
		for i := range row {
			cells[i] = report.NewCell(row[i], cmp.Or(d.width, maxColumn))
		}
		g.Rows = append(g.Rows, cells)
	}
	widths := []int{4: maxColumn, 5: maxColumn}
	if d.width > 0 {
		widths = g.Widths(d.width)
	}
	for i, row := range d.rows {
		stored, derived := window(row[4], row[5], widths[4], widths[5])
		g.Rows[i][4], g.Rows[i][5] = report.NewCell(stored, widths[4]), report.NewCell(derived, widths[5])
	}
	d.rows = d.rows[:0]
	if d.begun {
		if _, err := io.WriteString(d.out, "\n"); err != nil {
			return err
		}
	}
	d.begun = true
	return g.Write(d.out, d.width)
}

// window shortens two values that differ. Where they begin with the same, and
// that would hide how they differ, it is left out.
func window(a, b string, widthA, widthB int) (string, string) {
	narrow := min(widthA, widthB)
	if same := common(a, b); text.StringWidth(a[:same]) > narrow-min(8, narrow/2) &&
		(text.StringWidth(a) > widthA || text.StringWidth(b) > widthB) {
		from := same
		for range min(4, narrow/4) { // some of it shows where one is
			_, size := utf8.DecodeLastRuneInString(a[:from])
			from -= size
		}
		a, b = "…"+a[from:], "…"+b[from:]
	}
	return text.Snip(a, widthA, "…"), text.Snip(b, widthB, "…")
}

// common returns how many bytes two texts begin with that are the same, in
// whole characters.
func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	for n > 0 && n < len(a) && !utf8.RuneStart(a[n]) {
		n--
	}
	return n
}
