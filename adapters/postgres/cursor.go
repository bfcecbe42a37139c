package postgres

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/quire-ci/quire-project/adapters/internal/sqlread"
)

const (
	// smallFetch and largeFetch are how many rows a fetch has: the first one,
	// and those of a run that has many.
	smallFetch, largeFetch = 64, 512
	// heavy is how many bytes make a fetch too large to be done again.
	heavy = 4 << 20
)

// cursors are those that a transaction opens, by number.
type cursors struct{ opened int }

// open runs a query by a cursor. A connection that has a result open can do nothing
// else, and a result without a cursor comes as a whole.
func (cs *cursors) open(ctx context.Context, tx *sql.Tx, query string, args ...any) (sqlread.Rows, error) {
	cs.opened++
	c := &cursor{ctx: ctx, tx: tx, name: fmt.Sprintf("c%d", cs.opened), size: smallFetch}
	_, err := tx.ExecContext(ctx, `DECLARE `+c.name+` NO SCROLL CURSOR FOR `+query, args...)
	return c, err
}

// cursor gives the rows of a query, of which it holds a few at a time. Between
// any two of them the connection is free.
type cursor struct {
	ctx  context.Context
	tx   *sql.Tx
	name string
	size int // of the next fetch
	rows [][]any
	row  []any // the current one of rows
	last bool  // there are no rows behind those that are held
	err  error
}

// Next goes to the next row.
func (c *cursor) Next() bool {
	if len(c.rows) == 0 && !c.last && c.err == nil {
		c.err = c.fetch()
	}
	if len(c.rows) == 0 || c.err != nil {
		return false
	}
	c.row, c.rows = c.rows[0], c.rows[1:]
	return true
}

// fetch reads the next rows, and sees to it that the fetch behind them is of a
// good size: a row may have 16 MiB.
func (c *cursor) fetch() error {
	// The columns of a cursor are those of its query. Which those are pgx would
	// remember by the text of this statement, and be wrong for the next cursor.
	rows, err := c.tx.QueryContext(c.ctx, fmt.Sprintf(`FETCH %d FROM %s`, c.size, c.name), pgx.QueryExecModeExec)
	if err != nil {
		return err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	bytes := 0
	for rows.Next() {
		row, into := make([]any, len(names)), make([]any, len(names))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		for _, value := range row {
			if text, ok := value.(string); ok {
				bytes += len(text)
			}
		}
		c.rows = append(c.rows, row)
	}
	c.last = len(c.rows) < c.size
	if bytes > heavy {
		c.size = max(1, c.size/8)
	} else {
		c.size = min(largeFetch, c.size*8)
	}
	return rows.Err()
}

// Scan reads the current row into columns, each of them a [sql.Scanner].
func (c *cursor) Scan(columns ...any) error {
	for i, column := range columns {
		if err := column.(sql.Scanner).Scan(c.row[i]); err != nil {
			return err
		}
	}
	return nil
}

// Err returns what ended the rows, if that was not the last of them.
func (c *cursor) Err() error { return c.err }

// Close ends the reading.
func (c *cursor) Close() error {
	if c.err != nil {
		return nil // the transaction is of no use any more
	}
	_, err := c.tx.ExecContext(c.ctx, `CLOSE `+c.name)
	return err
}
