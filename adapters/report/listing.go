package report

import (
	"strconv"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/projections"
)

// listing is the table of a projection without a view of its own: its first rows, as text.
type listing struct {
	shown[[]string]
	of         *projections.Definition
	characters int // limit of characters per text
}

// leastCell is how many characters of a text are kept at least, even with many columns.
const leastCell = 40

func newListing(d *projections.Definition, limits limits) *listing {
	return &listing{shown[[]string]{limit: limits.rows}, d, max(leastCell, limits.command/len(d.Columns))}
}

func (l *listing) take(row projections.AnyRow) {
	l.total[display.Complete]++
	if row.Index >= l.limit { // show the rows with the lowest indexes, not those that are final first
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
