package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"strings"
)

// session is a connection that writes, with the statements that were prepared
// on it.
type session struct {
	conn       *sql.Conn
	statements map[statement]*sql.Stmt
}

// statement names one by what it does: so many rows into a table.
type statement struct {
	table *table
	rows  int
	mixed bool // of several runs
}

func newSession(ctx context.Context, db *sql.DB) (*session, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &session{conn: conn, statements: map[statement]*sql.Stmt{}}, nil
}

// insert inserts the rows of a batch, whose arguments are lost.
func (s *session) insert(ctx context.Context, b batch) error {
	for b.rows > 0 {
		part := b.first(portion(b.rows))
		prepared, err := s.prepare(ctx, part.statement)
		if err != nil {
			return err
		}
		if _, err := prepared.ExecContext(ctx, part.args...); err != nil {
			return err
		}
		b.skip(part.rows)
	}
	return nil
}

func (s *session) prepare(ctx context.Context, which statement) (*sql.Stmt, error) {
	if prepared := s.statements[which]; prepared != nil {
		return prepared, nil
	}
	prepared, err := s.conn.PrepareContext(ctx, which.table.statement(which.rows, which.mixed))
	if err == nil {
		s.statements[which] = prepared
	}
	return prepared, err
}

func (s *session) exec(ctx context.Context, query string, args ...any) error {
	_, err := s.conn.ExecContext(ctx, query, args...)
	return err
}

// rollback ends a transaction, if there is one. A connection on which that
// fails is given up, and the transaction with it.
func (s *session) rollback(ctx context.Context) {
	err := s.exec(context.WithoutCancel(ctx), "ROLLBACK")
	if err != nil && !strings.Contains(err.Error(), "no transaction is active") {
		s.conn.Raw(func(any) error { return driver.ErrBadConn })
	}
}

func (s *session) close() {
	for _, prepared := range s.statements {
		prepared.Close()
	}
	s.conn.Close()
}
