package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/quire-ci/quire-project/adapters/internal/sqlread"
	"github.com/quire-ci/quire-project/domain"
)

// view is a transaction that reads one run.
type view struct {
	ctx     context.Context
	tx      *sql.Tx
	run     domain.RunID
	cursors int
	// lastKey is the short form that was met last, lastID the id it is of.
	lastKey, lastID string
	err             error // of looking up an id
}

// dialect reads what the transaction shows.
func (v *view) dialect() *sqlread.Dialect {
	d := dialect
	d.Decode, d.Stream = v.decode, v.stream
	return &d
}

// decode is fromText, and knows the short forms of ids. An error is kept for
// the cursor.
func (v *view) decode(text string) string {
	if !isShort(text) {
		return fromText(text)
	}
	if text != v.lastKey {
		id, err := v.longID(text)
		if err != nil {
			v.err = err
			return ""
		}
		v.lastKey, v.lastID = text, id
	}
	return v.lastID
}

func (v *view) longID(key string) (string, error) {
	var text string
	err := v.tx.QueryRowContext(v.ctx, `SELECT job_id FROM long_job_ids WHERE run_id = $1 AND short = $2`, toText(string(v.run)), key).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("the row with the whole of the job_id %q is gone; derive the run again", key)
	}
	return fromText(text), err
}

// stream opens a cursor. A connection that has a result open can do nothing
// else, and a result without a cursor comes as a whole.
func (v *view) stream(ctx context.Context, tx *sql.Tx, query string, args ...any) (sqlread.Rows, error) {
	v.cursors++
	c := &cursor{view: v, name: fmt.Sprintf("c%d", v.cursors), size: smallFetch}
	_, err := tx.ExecContext(ctx, `DECLARE `+c.name+` NO SCROLL CURSOR FOR `+query, args...)
	return c, err
}
