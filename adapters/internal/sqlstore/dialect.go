// Package sqlstore has what the stores in SQL databases share. Their tables have the same columns,
// so both stores read them with the same queries, and keep parked segments and quarantines with the
// same statements.
//
// Queries have the placeholders ?1, ?2 and so on, and the names of tables in braces. [Dialect]
// describes the other differences between the databases.
package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"iter"
	"strings"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// Dialect describes how a database differs from SQLite. The zero value is SQLite's dialect.
type Dialect struct {
	// Set is the set of projections that the store has tables for.
	Set *projections.Set
	// Other has the projections whose table had other columns when the store was opened.
	Other map[*projections.Definition]error
	// Tables has the tables of the projections in Other, if rows are read from tables with other
	// columns.
	Tables map[*projections.Definition]table
	// Prefix begins the names of the tables of one generation of rows.
	Prefix string
	// Dollars turns the placeholders ?1 ?2 … of a query into $1 $2 ….
	Dollars bool
	// Encode returns the text that represents a string in the database, and Decode the
	// opposite. They keep the order of bytes. By default a string represents itself.
	Decode, Encode func(string) string
	// Any returns a condition for a column whose text is one of ids, which are encoded,
	// and the arguments of the query. The default is a placeholder for each id.
	Any func(ids []string) (condition string, args []any)
	// Equals and Begins return conditions for a column whose text equals, or begins with,
	// that of a placeholder. The defaults are ranges of the whole text.
	Equals, Begins func(column, text string) string
	// Stream runs a query that may have too many rows for memory. The transaction can run
	// other queries while you read the rows. By default every query is like that.
	Stream func(ctx context.Context, tx *sql.Tx, query string, args ...any) (Rows, error)
	// Existing selects the names of the tables in the database, in lower case if case does not matter.
	Existing Statement
	// MakeFixed make the tables of a generation besides those of projections, and MakeTable returns
	// the statements that make the table of a projection.
	MakeFixed []string
	MakeTable func(*Dialect, *projections.Definition) []string
	// NoteChanges begins to note anew which runs change in the live generation, and DropNotes ends
	// that.
	NoteChanges []string
	DropNotes   string
	// NowMs is an SQL expression for the milliseconds since the Unix epoch. The default is for
	// SQLite.
	NowMs string
	// Error explains an error of the database. By default it stays as it is.
	Error func(error) error
}

// Rows are the rows of a query; *[sql.Rows] has these methods.
type Rows interface {
	Next() bool
	Scan(columns ...any) error
	Err() error
	Close() error
}

// Querier runs queries: a [sql.DB], a [sql.Conn] or a [sql.Tx].
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// SQL rewrites the placeholders of a query and the names of the tables of rows, such as
// {jobs}, for the database and the generation. No query has a question mark or a brace with
// another meaning.
func (d *Dialect) SQL(query string) string {
	query = strings.NewReplacer("{", `"`+d.Prefix, "}", `"`).Replace(query)
	if d.Dollars {
		return strings.ReplaceAll(query, "?", "$")
	}
	return query
}

// Own returns a name for something that belongs to a table, such as an index or a trigger. The
// names differ between generations, and stay the same when a generation becomes live.
func (d *Dialect) Own(name string) string { return cmp.Or(d.Prefix, "quire_project_") + name }

func (d *Dialect) nowMs() string {
	return cmp.Or(d.NowMs, `CAST(unixepoch('subsec') * 1000 AS INTEGER)`)
}

func (d *Dialect) encode(s string) string {
	if d.Encode == nil {
		return s
	}
	return d.Encode(s)
}

func (d *Dialect) decode(s string) string {
	if d.Decode == nil {
		return s
	}
	return d.Decode(s)
}

// MaxList is the maximum number of runs for [Dialect.In]. Databases limit the arguments
// of a statement.
const MaxList = 500

// In returns a condition that a column contains the id of one of runs, and the arguments for it.
func (d *Dialect) In(runs []domain.RunID) (condition string, args []any) {
	ids := make([]string, len(runs))
	for i, run := range runs {
		ids[i] = d.encode(string(run))
	}
	if d.Any != nil {
		return d.Any(ids)
	}
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i], args = fmt.Sprintf("?%d", i+1), append(args, id)
	}
	return "IN (" + strings.Join(list, ",") + ")", args
}

func (d *Dialect) error(what string, err error) error {
	if d.Error != nil {
		err = d.Error(err)
	}
	return fmt.Errorf("read %s: %w", what, err)
}

func (r Reader) query(ctx context.Context, query string, args ...any) (Rows, error) {
	return r.db.QueryContext(ctx, r.dialect.SQL(query), args...)
}

func (d *Dialect) stream(ctx context.Context, tx *sql.Tx, query string, args ...any) (Rows, error) {
	if d.Stream != nil {
		return d.Stream(ctx, tx, d.SQL(query), args...)
	}
	return Reader{d, tx}.query(ctx, query, args...)
}

// columns returns the targets for the columns of a query, in order, in row.
type columns[R any] func(d *Dialect, row *R) []any

// list returns the rows of a query. what names them in errors.
func list[R any](ctx context.Context, r Reader, what string, columns columns[R], query string, args ...any) ([]R, error) {
	var read []R
	for row, err := range each(r.dialect, what, columns, func() (Rows, error) { return r.query(ctx, query, args...) }) {
		if err != nil {
			return nil, err
		}
		read = append(read, row)
	}
	return read, nil
}

// each yields the rows of the query that open starts. what names them in errors.
func each[R any](d *Dialect, what string, columns columns[R], open func() (Rows, error)) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		if err := scan(d, columns, open, yield); err != nil {
			var zero R
			yield(zero, d.error(what, err))
		}
	}
}

// scan yields rows until the last one, an error, or until yield returns false. Only after
// the last row does it report an error of closing alone.
func scan[R any](d *Dialect, columns columns[R], open func() (Rows, error), yield func(R, error) bool) (err error) {
	rows, err := open()
	if err != nil {
		return err
	}
	more := true
	defer func() {
		if closed := rows.Close(); err == nil && more {
			err = closed
		}
	}()
	var row R
	into := columns(d, &row)
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		if more = yield(row, nil); !more {
			return nil
		}
	}
	return rows.Err()
}

// scanner is a [sql.Scanner].
type scanner func(value any) error

func (s scanner) Scan(value any) error { return s(value) }

// text scans a column of text.
func text[T ~string](d *Dialect, to *T) scanner {
	return func(value any) error {
		switch value := value.(type) {
		case string:
			*to = T(d.decode(value))
		case []byte:
			*to = T(d.decode(string(value)))
		default:
			return fmt.Errorf("the value is %T, not text", value)
		}
		return nil
	}
}
