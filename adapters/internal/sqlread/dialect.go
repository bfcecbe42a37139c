package sqlread

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/quire-ci/quire-project/projections"
)

// Dialect says what a database wants otherwise. The zero Dialect is that of
// SQLite.
type Dialect struct {
	// Set is the set of projections that the store has tables for.
	Set *projections.Set
	// Dollars has the placeholders ?1 ?2 … of a query written $1 $2 ….
	Dollars bool
	// Decode makes of the text in a column the text that it stands for, and
	// Encode does the opposite for text that a column is compared with. They keep
	// the order of bytes. nil means that text stands for itself.
	Decode, Encode func(string) string
	// In returns the end of a condition that holds for a column whose text is
	// one of ids, which are encoded, and the query's arguments. nil means a
	// placeholder for each.
	In func(ids []string) (condition string, args []any)
	// Stream runs a query whose rows may be too many to be held in memory, and
	// which does not keep the transaction from other queries while they are
	// read. nil means that any query of the transaction is so.
	Stream func(ctx context.Context, tx *sql.Tx, query string, args ...any) (Rows, error)
	// NowMs is an expression of the milliseconds since the Unix epoch. Empty
	// means that of SQLite.
	NowMs string
	// Error says more about an error of the database. nil leaves it as it is.
	Error func(error) error
}

// Rows are those of a query; *[sql.Rows] has these methods.
type Rows interface {
	Next() bool
	// Scan is given a [sql.Scanner] for each column, and nothing else.
	Scan(columns ...any) error
	Err() error
	Close() error
}

// Querier runs queries: a [sql.DB], a [sql.Conn] or a [sql.Tx].
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// placeholders writes those of query as the database has them. No query here
// has a question mark that is something else.
func (d *Dialect) placeholders(query string) string {
	if d.Dollars {
		return strings.ReplaceAll(query, "?", "$")
	}
	return query
}

func (d *Dialect) encode(s string) string {
	if d.Encode == nil {
		return s
	}
	return d.Encode(s)
}

func (d *Dialect) in(ids []string) (condition string, args []any) {
	if d.In != nil {
		return d.In(ids)
	}
	var in strings.Builder
	for i, id := range ids {
		if i > 0 {
			in.WriteByte(',')
		}
		fmt.Fprintf(&in, "?%d", i+1)
		args = append(args, id)
	}
	return "IN (" + in.String() + ")", args
}

func (d *Dialect) error(what string, err error) error {
	if d.Error != nil {
		err = d.Error(err)
	}
	return fmt.Errorf("read %s: %w", what, err)
}

func (d *Dialect) query(ctx context.Context, q Querier, query string, args ...any) (Rows, error) {
	return q.QueryContext(ctx, d.placeholders(query), args...)
}

func (d *Dialect) stream(ctx context.Context, tx *sql.Tx, query string, args ...any) (Rows, error) {
	if d.Stream != nil {
		return d.Stream(ctx, tx, d.placeholders(query), args...)
	}
	return d.query(ctx, tx, query, args...)
}
