package postgres

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/quire-ci/quire-project/adapters/internal/sqlstore"
	"github.com/quire-ci/quire-project/projections/store"
)

// errNoStore is the error for [MustExist].
var errNoStore = fmt.Errorf("there is no store in this database; create it with rebuild: %w", fs.ErrNotExist)

// errLost is in errors of a broken connection.
var errLost = errors.New("the connection to the database is lost")

// meanings explain SQLSTATEs to the users of a store. See
// https://www.postgresql.org/docs/current/errcodes-appendix.html.
var meanings = map[string]error{
	"25006": store.ErrReadOnly, // read_only_sql_transaction
	"53100": store.ErrFull,     // disk_full
	"55P03": store.ErrLocked,   // lock_not_available, after a lock_timeout
	// A unique_violation: the store deletes its own rows first.
	"23505": errors.New("there are rows that this program has not written; rebuild --force replaces them"),
	"53200": errors.New("the database is out of memory; write fewer runs in one transaction, or raise max_locks_per_transaction"),
}

// explain adds an explanation to an error of the database, and marks it as a [store.ErrAway] if it
// is temporary.
func explain(err error) error {
	switch {
	case err == nil || errors.Is(err, context.Canceled):
		return err
	case isAway(err):
		return &awayError{withMeaning(err)}
	}
	return withMeaning(err)
}

// explain is [explain], and returns a [store.ErrNewerSchema] instead of an error that has another
// reason if a newer program has migrated the tables.
func (s *Store) explain(err error) error {
	return explain(s.newer(err))
}

func (s *Store) newer(err error) error {
	var said *pgconn.PgError
	if !errors.As(err, &said) || said.Code != "42P01" && said.Code != "42703" { // undefined_table, undefined_column
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), answerTimeout)
	defer cancel()
	var version int64
	if s.kept.QueryRowContext(ctx, sqlstore.SelectSchema).Scan(&version) != nil {
		return err
	}
	return cmp.Or(sqlstore.CheckSchema(version, s.known), err)
}

// awayError marks an error as a [store.ErrAway].
type awayError struct{ err error }

func (e *awayError) Error() string   { return e.err.Error() }
func (e *awayError) Unwrap() []error { return []error{e.err, store.ErrAway} }

// awayCodes are prefixes of the SQLSTATEs of temporary errors: of connections,
// conflicts, a lack of resources, and a server that stops or starts.
var awayCodes = []string{"08", "40", "53", "57P", "58030"}

func isAway(err error) bool {
	var said *pgconn.PgError
	var connect *pgconn.ConnectError
	if errors.As(err, &said) { // also if the server refuses a connection
		return slices.ContainsFunc(awayCodes, func(code string) bool { return strings.HasPrefix(said.Code, code) })
	}
	return errors.As(err, &connect) || isLost(err) || strings.Contains(err.Error(), exhausted)
}

// exhausted is in the error of a pool that cannot make a connection that works.
const exhausted = "too many failed attempts acquiring connection"

func withMeaning(err error) error {
	var said *pgconn.PgError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &said):
		if meaning := meanings[said.Code]; meaning != nil {
			return fmt.Errorf("%w: %w", meaning, err)
		}
		if isShutdown(said.Code) {
			return fmt.Errorf("%w: %w", errLost, err)
		}
	case isLost(err):
		return fmt.Errorf("%w: %w", errLost, err)
	}
	return err
}

// explainWrite is explain for writes. To a role that has no right to write, the database is
// read-only.
func explainWrite(err error) error {
	var said *pgconn.PgError
	if errors.As(err, &said) && said.Code == "42501" { // insufficient_privilege
		return fmt.Errorf("%w: %w", store.ErrReadOnly, err)
	}
	return explain(err)
}

// isShutdown reports whether the server stops (class 57P), or has lost the connection (class
// 08).
func isShutdown(code string) bool {
	return strings.HasPrefix(code, "57P") || strings.HasPrefix(code, "08")
}

func isLost(err error) bool {
	var network net.Error
	if errors.As(err, new(*pgconn.ConnectError)) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	for _, lost := range []error{pgconn.ErrConnClosed, io.ErrUnexpectedEOF, io.EOF, net.ErrClosed, driver.ErrBadConn, sql.ErrConnDone} {
		if errors.Is(err, lost) {
			return true
		}
	}
	return errors.As(err, &network)
}
