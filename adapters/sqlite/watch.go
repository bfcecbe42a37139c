package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
)

// watch is a connection that sees when others commit. It is opened when it is asked for the first time.
type watch struct {
	mu   sync.Mutex
	conn *sql.Conn
	// opened counts the connections: values seen by different ones cannot be compared.
	opened int
}

// Revision returns what SQLite counts whenever another connection has committed, of this program or
// another one.
func (s *Store) Revision(ctx context.Context) (string, error) {
	if s.within != nil || s.reads == s.writes { // which may be one connection
		return "", nil
	}
	revision, err := s.watch.read(ctx, s.reads)
	return revision, s.inPlace("read what has changed", s.fail("read what has changed", err))
}

func (w *watch) read(ctx context.Context, db *sql.DB) (revision string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conn == nil {
		if w.conn, err = db.Conn(ctx); err != nil {
			return "", err
		}
		w.opened++
	}
	var version int64
	if err = w.conn.QueryRowContext(ctx, "PRAGMA data_version").Scan(&version); err != nil {
		w.conn.Close()
		w.conn = nil
		return "", err
	}
	return fmt.Sprint(w.opened, ".", version), nil
}

func (w *watch) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conn == nil {
		return nil
	}
	return w.conn.Close()
}
