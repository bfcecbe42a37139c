package sqlread

import (
	"fmt"
	"iter"
	"strings"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// cell scans the value of one column into a row.
type cell struct {
	dialect *Dialect
	column  *projections.Column
	row     projections.Ref
}

func (c cell) Scan(value any) error {
	if bytes, ok := value.([]byte); ok {
		value = string(bytes)
	}
	if text, ok := value.(string); ok && c.dialect.Decode != nil {
		value = c.dialect.Decode(text)
	}
	return c.column.Set(c.row, value)
}

// cells returns what scans the columns of rows into row.
func (d *Dialect) cells(of *projections.Definition, row projections.Ref) []any {
	into := make([]any, len(of.Columns))
	for i := range of.Columns {
		into[i] = cell{d, &of.Columns[i], row}
	}
	return into
}

// names are those of the columns of a table, as they stand in SQL.
func names(of *projections.Definition) string {
	list := make([]string, len(of.Columns))
	for i, c := range of.Columns {
		list[i] = `"` + c.Name + `"`
	}
	return strings.Join(list, ", ")
}

// Rows yields the rows of a table.
func (s *snapshot) Rows(of *projections.Definition) iter.Seq2[projections.AnyRow, error] {
	columns := func(d *Dialect, row *projections.AnyRow) []any {
		row.Value = of.NewRows().New(0, false)
		of.SetRun(row.Value, s.run)
		return append([]any{position{&row.Index}, boolean{&row.Final}}, d.cells(of, row.Value)...)
	}
	query := fmt.Sprintf(`SELECT position, final, %s FROM %q WHERE run_id = ?1 ORDER BY position`, names(of), of.Table)
	return each(s.dialect, fmt.Sprintf("%s of run %q", of.Table, s.run), columns, func() (Rows, error) {
		return s.dialect.stream(s.ctx, s.tx, query, s.dialect.encode(string(s.run)))
	})
}

// runColumns scans a row of the table of runs.
func runColumns(d *Dialect, row *projections.AnyRow) []any {
	row.Value = projections.RunTable.NewRows().New(0, false)
	return append([]any{text[domain.RunID]{d, &projections.RunTable.At(row.Value).RunID}}, d.cells(projections.RunTable.Definition, row.Value)...)
}

var runColumnNames = `run_id, ` + names(projections.RunTable.Definition)

func runs(rows iter.Seq2[projections.AnyRow, error]) ([]store.Run, error) {
	var runs []store.Run
	for row, err := range rows {
		if err != nil {
			return nil, err
		}
		runs = append(runs, *projections.RunTable.At(row.Value))
	}
	return runs, nil
}
