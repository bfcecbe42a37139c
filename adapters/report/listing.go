package report

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/projections"
)

// listing is what people see of a projection that has no view of its own: its first rows,
// as they are.
type listing struct {
	of         *projections.Definition
	rows       []listed
	limit      int
	characters int // of a text that are kept
	total      int
}

// listed is a row as text: as much of it as can be shown.
type listed struct {
	index int
	cells []string
}

// leastCell is how many characters of a text are kept at least, however many columns
// there are.
const leastCell = 40

func newListing(d *projections.Definition, limits limits) *listing {
	return &listing{of: d, limit: limits.rows, characters: max(leastCell, limits.command/len(d.Columns))}
}

func (l *listing) take(row projections.AnyRow) {
	l.total++
	if row.Index >= l.limit {
		return
	}
	cells := make([]string, len(l.of.Columns))
	for i := range l.of.Columns {
		cells[i] = l.cell(&l.of.Columns[i], row.Value)
	}
	l.rows = append(l.rows, listed{row.Index, cells})
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

// shown returns the rows that are shown, in order, and counts the others.
func (l *listing) shown() (rows []listed, left tally) {
	slices.SortFunc(l.rows, func(a, b listed) int { return cmp.Compare(a.index, b.index) })
	left[display.Complete] = l.total - len(l.rows)
	return l.rows, left
}

// one is what a row is called.
func (l *listing) one() string { return l.of.Name + " row" }

// columns are those of a table for a terminal, which may set no limit. Where there is too
// little room, the last columns are left out first, and the first one never.
func (l *listing) columns(unlimited bool) []Column {
	n := len(l.of.Columns)
	columns := make([]Column, n)
	for i, c := range l.of.Columns {
		columns[i] = Column{Title: c.Name, Right: c.Type == projections.Int}
		if c.Type == projections.Text && !(unlimited && i == n-1) { // nothing is behind the last that it could push aside
			columns[i].Share = 1
		}
		if i > 0 {
			columns[i].Drop = n - i
		}
	}
	return columns
}
