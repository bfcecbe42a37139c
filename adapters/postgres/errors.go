package postgres

import (
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

	"github.com/quire-ci/quire-project/projections/store"
)

// errNoStore is what [MustExist] is for.
var errNoStore = fmt.Errorf("there is no store in this database; make one with rebuild: %w", fs.ErrNotExist)

// errLost says what errors of the connection mean.
var errLost = errors.New("the connection to the database is lost")

// meanings are the SQLSTATEs that mean something to the users of a store. See
// https://www.postgresql.org/docs/current/errcodes-appendix.html.
var meanings = map[string]error{
	"25006": store.ErrReadOnly, // read_only_sql_transaction
	"53100": store.ErrFull,     // disk_full
	"55P03": store.ErrLocked,   // lock_not_available: a lock_timeout that somebody has set
	// A unique_violation: rows of this program would have been removed before.
	"23505": errors.New("there are rows that this program has not written; rebuild --force replaces them"),
	"53200": errors.New("the database has no memory for that; write fewer runs in one transaction, or raise max_locks_per_transaction"),
}

// explain says more about an error of the database, and whether it may go away.
// What has no meaning of its own here reads as it did.
func explain(err error) error {
	switch {
	case err == nil || errors.Is(err, context.Canceled):
		return err
	case isAway(err):
		return &awayError{inWords(err)}
	}
	return inWords(err)
}

// awayError makes an error a [store.ErrAway] as well.
type awayError struct{ err error }

func (e *awayError) Error() string   { return e.err.Error() }
func (e *awayError) Unwrap() []error { return []error{e.err, store.ErrAway} }

// awayCodes begin the SQLSTATEs of what may go away: the connection's class,
// conflicts, a lack of resources, and a server that is going down or coming up.
var awayCodes = []string{"08", "40", "53", "57P", "58030"}

func isAway(err error) bool {
	var said *pgconn.PgError
	var connect *pgconn.ConnectError
	if errors.As(err, &said) { // also where it refuses a connection
		return slices.ContainsFunc(awayCodes, func(code string) bool { return strings.HasPrefix(said.Code, code) })
	}
	return errors.As(err, &connect) || isLost(err) || strings.Contains(err.Error(), exhausted)
}

// exhausted is what a pool says when no connection that it makes answers.
const exhausted = "too many failed attempts acquiring connection"

func inWords(err error) error {
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

// explainWrite is explain for what writes. Who may not write finds the database
// read-only; who may not even read is told so by the server.
func explainWrite(err error) error {
	var said *pgconn.PgError
	if errors.As(err, &said) && said.Code == "42501" { // insufficient_privilege
		return fmt.Errorf("%w: %w", store.ErrReadOnly, err)
	}
	return explain(err)
}

// isShutdown reports whether the server says that it goes (class 57P), or that
// the connection did (class 08).
func isShutdown(code string) bool {
	return strings.HasPrefix(code, "57P") || strings.HasPrefix(code, "08")
}

func isLost(err error) bool {
	var network net.Error
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	for _, lost := range []error{pgconn.ErrConnClosed, io.ErrUnexpectedEOF, io.EOF, net.ErrClosed, driver.ErrBadConn, sql.ErrConnDone} {
		if errors.Is(err, lost) {
			return true
		}
	}
	return errors.As(err, &network)
}
