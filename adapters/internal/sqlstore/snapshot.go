package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"strings"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

type snapshot struct {
	dialect *Dialect
	ctx     context.Context
	tx      *sql.Tx
	run     domain.RunID
}

// Snapshot reads the rows of a run in tx until tx or ctx ends. tx must show the database
// at one moment.
func (d *Dialect) Snapshot(ctx context.Context, tx *sql.Tx, run domain.RunID) store.Snapshot {
	return &snapshot{d, ctx, tx, run}
}

func (s *snapshot) Checkpoint() (checkpoint store.Checkpoint, ok bool, err error) {
	checkpoints, err := Reader{s.dialect, s.tx}.Checkpoints(s.ctx, []domain.RunID{s.run})
	checkpoint, ok = checkpoints[s.run]
	return checkpoint, ok, err
}

func (s *snapshot) Rows(of *projections.Definition) iter.Seq2[projections.AnyRow, error] {
	columns := func(d *Dialect, row *projections.AnyRow) []any {
		row.Value = of.NewRows().New(0, false)
		of.SetRun(row.Value, s.run)
		return append([]any{position(&row.Index), boolean(&row.Final)}, d.cells(of, row.Value)...)
	}
	query := fmt.Sprintf(`SELECT position, final, %s FROM {%s} AS %[2]q WHERE run_id = ?1 ORDER BY position`, names(of), of.Table)
	was, other := s.dialect.Tables[of]
	if other {
		_, values := parseTable(of.Describe()).from(was)
		query = fmt.Sprintf(`SELECT position, final, %s FROM {%s} WHERE run_id = ?1 ORDER BY position`, strings.TrimSuffix(values, ", "), was.name)
	}
	return each(s.dialect, fmt.Sprintf("%s of run %q", of.Table, s.run), columns, func() (Rows, error) {
		if err := (Reader{s.dialect, s.tx}).fits(s.ctx, of); err != nil && !other {
			return nil, err
		}
		return s.dialect.stream(s.ctx, s.tx, query, s.dialect.encode(string(s.run)))
	})
}

// position scans the position of a row, which counts from 1, as an index.
func position(index *int) scanner {
	return func(value any) error {
		n, ok := value.(int64)
		if !ok {
			return fmt.Errorf("the position is %T, not an integer", value)
		}
		*index = int(n) - 1
		return nil
	}
}

// boolean scans a boolean, which SQLite keeps as 0 or 1.
func boolean(to *bool) scanner {
	return func(value any) error {
		switch value := value.(type) {
		case bool:
			*to = value
		case int64:
			*to = value != 0
		default:
			return fmt.Errorf("the value is %T, not a boolean", value)
		}
		return nil
	}
}

// cells returns the targets for the columns of a table in row.
func (d *Dialect) cells(of *projections.Definition, row projections.Ref) []any {
	into := make([]any, len(of.Columns))
	for i := range of.Columns {
		column := &of.Columns[i]
		into[i] = scanner(func(value any) error {
			switch text := value.(type) {
			case string:
				value = d.decode(text)
			case []byte:
				value = d.decode(string(text))
			}
			return column.Set(row, value)
		})
	}
	return into
}

// names returns the columns of a table in SQL.
func names(of *projections.Definition) string {
	list := make([]string, len(of.Columns))
	for i, c := range of.Columns {
		list[i] = fmt.Sprintf("%q.%q", of.Table, c.Name)
	}
	return strings.Join(list, ", ")
}
