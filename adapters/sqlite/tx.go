package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/quire-ci/quire-project/adapters/internal/sqlstore"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// Update lets do write in one transaction. Within this process, updates run one after the
// other; other processes wait for the database as long as their busy timeout says.
//
// A commit counts only if the database's file is still the one at the store's path.
func (s *Store) Update(ctx context.Context, do func(store.Tx) error) error {
	return s.inPlace("write", s.update(ctx, do))
}

func (s *Store) update(ctx context.Context, do func(store.Tx) error) error {
	if s.within != nil {
		return s.updateIn(ctx, s.within, nested, do)
	}
	session, err := s.acquire(ctx)
	if err != nil {
		return err
	}
	committed := false
	defer func() { s.release(session, committed) }()
	err = s.updateIn(ctx, session, whole, do)
	committed = err == nil
	return err
}

// scope has the statements that begin, commit and undo a transaction.
type scope struct{ begin, commit, undo string }

var (
	// A transaction begins with the lock for writing. Taking the lock later would fail if
	// another program had written since the transaction's first read.
	whole  = scope{"BEGIN IMMEDIATE", "COMMIT", "ROLLBACK"}
	nested = scope{"SAVEPOINT nested", "RELEASE nested", "ROLLBACK TO nested"}
)

func (s *Store) updateIn(ctx context.Context, session *session, scope scope, do func(store.Tx) error) error {
	committed := false
	t := &tx{store: s, ctx: ctx, session: session, inserter: newInserter(ctx, session, s.checkpoints)}
	t.Parking = sqlstore.Parking{Dialect: s.dialect, Exec: t.exec}
	t.Keeping = sqlstore.Keeping{Dialect: s.dialect, Query: t.query, Exec: t.execNow}
	// Deferred, because do may panic, and begin may fail after it has begun.
	defer func() {
		t.inserter.wait()
		if !committed {
			session.rollback(ctx, scope)
		}
	}()
	if err := t.begin(scope); err != nil {
		return err
	}
	if err := do(t); err != nil {
		return err
	}
	err := t.commit(scope)
	committed = err == nil
	return err
}

// acquire waits for the turn to write.
func (s *database) acquire(ctx context.Context) (*session, error) {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if s.kept != nil {
		return s.kept, nil
	}
	session, err := newSession(ctx, s.writes)
	if err != nil {
		<-s.turn
		return nil, s.fail("write", err)
	}
	return session, nil
}

// release ends the turn. After a commit it keeps a connection of our own, because of its
// prepared statements.
func (s *database) release(session *session, committed bool) {
	if s.kept = session; s.reads == s.writes || !committed {
		session.close()
		s.files.closeLog()
		s.kept = nil
	}
	<-s.turn
}

// session is a connection that writes, with its prepared statements.
type session struct {
	conn       *sql.Conn
	statements map[statement]*sql.Stmt
}

func newSession(ctx context.Context, db *sql.DB) (*session, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &session{conn: conn, statements: map[statement]*sql.Stmt{}}, nil
}

func (s *session) exec(ctx context.Context, query string, args ...any) error {
	_, err := s.conn.ExecContext(ctx, query, args...)
	return err
}

// begin begins a transaction, and fails if a newer program has migrated the tables.
func (s *session) begin(ctx context.Context, scope scope) error {
	if err := s.exec(ctx, scope.begin); err != nil {
		return err
	}
	var version int64
	if err := s.conn.QueryRowContext(ctx, sqlstore.SelectSchema).Scan(&version); err != nil {
		return err
	}
	return sqlstore.CheckSchema(version, latest)
}

// rollback ends a transaction, if there is one. If that fails, it discards the connection
// together with the transaction.
func (s *session) rollback(ctx context.Context, scope scope) {
	err := s.exec(context.WithoutCancel(ctx), scope.undo)
	if err != nil && scope == whole && !strings.Contains(err.Error(), "no transaction is active") {
		s.conn.Raw(func(any) error { return driver.ErrBadConn })
	}
}

func (s *session) close() {
	for _, prepared := range s.statements {
		prepared.Close()
	}
	s.conn.Close()
}

// tx is a transaction that keeps all others from writing.
type tx struct {
	sqlstore.Parking
	sqlstore.Keeping
	store    *Store
	ctx      context.Context
	session  *session
	inserter *inserter
}

func (t *tx) begin(scope scope) error {
	err := t.session.begin(t.ctx, scope)
	if err == nil {
		// BEGIN succeeds even in a read-only database, but this fails.
		err = t.session.exec(t.ctx, t.store.dialect.SQL("DELETE FROM {checkpoints} WHERE false"))
	}
	if err == nil && t.store.kept == nil && scope == whole {
		t.store.files.openLog()
	}
	return t.store.fail("write", err)
}

// commit commits unless the context has ended. It does not interrupt a COMMIT, whose outcome
// would be unknown.
func (t *tx) commit(scope scope) error {
	if err := t.flush(); err != nil {
		return err
	}
	if err := t.Keeping.Flush(); err != nil {
		return err
	}
	if err := t.ctx.Err(); err != nil {
		return err
	}
	return t.store.fail("commit", t.session.exec(context.WithoutCancel(t.ctx), scope.commit))
}

// Lock returns the checkpoints. The transaction is the lock.
func (t *tx) Lock(runs []domain.RunID) (map[domain.RunID]store.Checkpoint, error) {
	reader := sqlstore.NewReader(t.store.dialect, t.session.conn)
	keeps, err := reader.Keeps(t.ctx)
	if err != nil {
		return nil, err
	}
	t.Keeping.On = keeps && t.store.dialect.Prefix == "" // streams go with the live rows
	return reader.Checkpoints(t.ctx, runs)
}

func (t *tx) Versions() (map[string]int, error) {
	return sqlstore.NewReader(t.store.dialect, t.session.conn).Versions(t.ctx)
}

func (t *tx) Register() error {
	var all []sqlstore.Statement
	for _, of := range t.store.dialect.Set.Stored() {
		all = append(all, sqlstore.Statement{Query: t.store.dialect.SQL(`UPDATE {quire_project_projections} SET version = max(version, ?2) WHERE name = ?1`), Args: []any{of.Name, of.Version}})
	}
	return t.exec("register the projections", all...)
}

func (t *tx) Clear(runs []domain.RunID, tables []*projections.Definition) error {
	names := []string{"checkpoints"}
	for _, of := range tables {
		names = append(names, of.Table)
	}
	var all []sqlstore.Statement
	for runs := range slices.Chunk(runs, sqlstore.MaxList) {
		condition, args := t.store.dialect.In(runs)
		for _, name := range names {
			all = append(all, sqlstore.Statement{Query: t.store.dialect.SQL(fmt.Sprintf(`DELETE FROM {%s} WHERE run_id %s`, name, condition)), Args: args})
		}
	}
	return t.exec("remove rows", all...)
}

func (t *tx) Truncate(run domain.RunID, table *projections.Definition, length int) error {
	query := t.store.dialect.SQL(fmt.Sprintf(`DELETE FROM {%s} WHERE run_id = ?1 AND position > ?2`, table.Table))
	return t.exec("remove rows", sqlstore.Statement{Query: query, Args: []any{string(run), int64(length)}})
}

func (t *tx) Insert(rows *store.Rows) error {
	if err := t.ctx.Err(); err != nil {
		return err
	}
	run := any(string(rows.RunID))
	for _, part := range rows.Tables {
		if err := t.inserter.rows(t.store.tables[part.Of], run, part); err != nil {
			return t.store.fail("insert rows", err)
		}
	}
	return t.store.fail("insert rows", t.inserter.err)
}

func (t *tx) SetCheckpoint(run domain.RunID, checkpoint store.Checkpoint) error {
	if checkpoint.Kept {
		t.Reach(run, checkpoint.End)
	}
	err := t.inserter.add(t.store.checkpoints, any(string(run)), func(args []any, _ *int) []any { return appendCheckpoint(args, &checkpoint) })
	return t.store.fail("set a checkpoint", err)
}

// exec runs statements after the inserts so far.
func (t *tx) exec(what string, statements ...sqlstore.Statement) error {
	if err := t.flush(); err != nil {
		return err
	}
	for _, s := range statements {
		if err := t.session.exec(t.ctx, s.Query, s.Args...); err != nil {
			t.inserter.err = t.store.fail(what, err)
			return t.inserter.err
		}
	}
	return nil
}

// execNow runs statements on tables that the inserter does not write.
func (t *tx) execNow(statements ...sqlstore.Statement) error {
	if err := t.ctx.Err(); err != nil {
		return err
	}
	for _, s := range statements {
		if err := t.session.exec(context.WithoutCancel(t.ctx), s.Query, s.Args...); err != nil {
			return t.store.explain(err)
		}
	}
	return nil
}

// query runs statements on tables that the inserter does not write.
func (t *tx) query(scan func(int, sqlstore.Rows) error, statements ...sqlstore.Statement) error {
	for i, s := range statements {
		rows, err := t.session.conn.QueryContext(t.ctx, s.Query, s.Args...)
		if err == nil {
			err = errors.Join(scan(i, rows), rows.Close())
		}
		if err != nil {
			return t.store.explain(err)
		}
	}
	return nil
}

func (t *tx) flush() error { return t.store.fail("insert rows", t.inserter.flush()) }
