package main

import (
	"cmp"
	"io"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/table"
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

// maxColumn is how wide a column is at most; on a terminal, those that name
// rows are less.
const (
	maxColumn = 120
	maxName   = 40
)

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
	stored, derived = window(stored, derived, maxColumn, maxColumn)
	d.rows = append(d.rows, [6]string{
		d.name(string(difference.RunID)), difference.Table, d.name(difference.Key.String()), difference.Column, stored, derived,
	})
	if len(d.rows) == tableRows {
		return d.pause()
	}
	return nil
}

// name is what a run or a row is called.
func (d *differenceTable) name(name string) string {
	if d.width > 0 {
		return text.Snip(report.Printable(name), maxName, "…")
	}
	return text.Snip(report.Printable(name), maxColumn, "…")
}

// readable is a value, or a whole row, in one line.
func readable(value any) string { return report.Printable(string(compact(value))) }

func (d *differenceTable) setAside(store.Verified) error { return nil } // which has been told

func (d *differenceTable) end(int, string) error { return d.pause() }

var headers = table.Row{"run", "table", "key", "column", "stored", "derived"}

// pause prints the differences that are kept.
func (d *differenceTable) pause() error {
	if len(d.rows) == 0 {
		return nil
	}
	w := table.NewWriter()
	w.SetStyle(table.Style{
		Box:    table.BoxStyle{PaddingRight: padding, PageSeparator: "\n"},
		Format: table.FormatOptions{Header: text.FormatUpper},
	})
	w.SuppressTrailingSpaces()
	w.AppendHeader(headers)
	d.fit()
	for _, row := range d.rows {
		w.AppendRow(table.Row{row[0], row[1], cmp.Or(row[2], "–"), cmp.Or(row[3], "–"), row[4], row[5]})
	}
	d.rows = d.rows[:0]
	between := ""
	if d.begun {
		between = "\n"
	}
	d.begun = true
	_, err := io.WriteString(d.out, between+w.Render()+"\n")
	return err
}

const padding = "   "

// fit shortens values to what fits the terminal, but not so much that nothing
// could be recognised. What is stored and what is derived share what the other
// columns leave.
func (d *differenceTable) fit() {
	if d.width == 0 {
		return
	}
	left := max(d.width-d.used()-len(padding), 2*leastValue)
	stored := min(d.widest(4), max(left/2, left-d.widest(5)))
	for i := range d.rows {
		row := &d.rows[i]
		row[4], row[5] = window(row[4], row[5], stored, left-stored)
	}
}

// leastValue is how much room a value has at least.
const leastValue = 16

// used is how much room the first four columns take.
func (d *differenceTable) used() int {
	sum := 0
	for column := range 4 {
		sum += d.widest(column) + len(padding)
	}
	return sum
}

// widest is how wide a column is.
func (d *differenceTable) widest(column int) int {
	widest := text.StringWidth(headers[column].(string))
	for _, row := range d.rows {
		widest = max(widest, text.StringWidth(row[column]))
	}
	return widest
}

// window shortens two values that differ. Where they begin with the same, and
// that would hide how they differ, it is left out.
func window(a, b string, widthA, widthB int) (string, string) {
	if same := common(a, b); text.StringWidth(a[:same]) > min(widthA, widthB)-leastValue/2 &&
		(text.StringWidth(a) > widthA || text.StringWidth(b) > widthB) {
		from := same
		for range leastValue / 4 { // some of it shows where one is
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
