package report

import (
	"strconv"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/projections"
)

// listing is the table of a projection that has no view of its own: its first rows, as text.
type listing struct {
	shown[[]string]
	of         *projections.Definition
	characters int // the most that are kept of a text
}

// leastCell is how many characters of a text are kept, however many columns there are.
const leastCell = 40

func newListing(d *projections.Definition, limits limits) *listing {
	return &listing{shown[[]string]{limit: limits.rows}, d, max(leastCell, limits.command/len(d.Columns))}
}

func (l *listing) take(row projections.AnyRow) {
	l.total[display.Complete]++
	if row.Index >= l.limit { // the first rows are shown, not those that are final first
		return
	}
	cells := make([]string, len(l.of.Columns))
	for i := range l.of.Columns {
		cells[i] = l.cell(&l.of.Columns[i], row.Value)
	}
	l.keep(row.Index, display.Complete, cells)
}

func (l *listing) cell(c *projections.Column, row projections.Ref) string {
	switch {
	case c.IsNull(row):
		return "–"
	case c.Type == projections.Text:
		return clip(c.Text(row), l.characters)
	case c.Type == projections.Int:
		return strconv.FormatInt(c.Int(row), 10)
	}
	return strconv.FormatBool(c.Bool(row))
}

// one is the name of a row.
func (l *listing) one() string { return l.of.Name + " row" }

// columns returns the columns of a table for a terminal, of unlimited width or not. If the
// terminal is too narrow, the last columns are left out first, and the first one never.
func (l *listing) columns(unlimited bool) []Column {
	n := len(l.of.Columns)
	columns := make([]Column, n)
	for i, c := range l.of.Columns {
		columns[i] = Column{Title: c.Name, Right: c.Type == projections.Int}
		if c.Type == projections.Text && !(unlimited && i == n-1) { // the last column pushes no other aside
			columns[i].Share = 1
		}
		if i > 0 {
			columns[i].Drop = n - i
		}
	}
	return columns
}
