package postgres

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/quire-ci/quire-project/adapters/internal/sqlstore"
)

const (
	// smallFetch is the number of rows of the first fetch, and largeFetch the maximum of
	// later ones.
	smallFetch, largeFetch = 64, 512
	// heavy is the size in bytes above which the next fetch gets fewer rows.
	heavy = 4 << 20
)

// cursors numbers the cursors of a transaction.
type cursors struct{ opened int }

// open runs a query with a cursor. Without a cursor, a connection is blocked until the whole
// result is read.
func (cs *cursors) open(ctx context.Context, tx *sql.Tx, query string, args ...any) (sqlstore.Rows, error) {
	cs.opened++
	c := &cursor{ctx: ctx, tx: tx, name: fmt.Sprintf("c%d", cs.opened), size: smallFetch}
	_, err := tx.ExecContext(ctx, `DECLARE `+c.name+` NO SCROLL CURSOR FOR `+query, args...)
	return c, err
}

// cursor reads the rows of a query, a few at a time. Between two rows the connection is free.
type cursor struct {
	ctx  context.Context
	tx   *sql.Tx
	name string
	size int // of the next fetch
	rows [][]any
	row  []any // the current one of rows
	last bool  // no rows follow those in rows
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

// fetch reads the next rows, and adjusts the size of the next fetch, because a row may have
// 16 MiB.
func (c *cursor) fetch() error {
	// pgx would cache the columns by the text of this statement, but the next cursor with
	// this name has other columns.
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

// Err returns the error that ended the rows, if any.
func (c *cursor) Err() error { return c.err }

// Close closes the cursor.
func (c *cursor) Close() error {
	if c.err != nil {
		return nil // the transaction has failed
	}
	_, err := c.tx.ExecContext(c.ctx, `CLOSE `+c.name)
	return err
}
