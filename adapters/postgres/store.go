package postgres

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/quire-ci/quire-project/adapters/internal/sqlstore"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// Store is a [store.Store] in a PostgreSQL database.
type Store struct {
	reader
	pool    *pgxpool.Pool
	db      *sql.DB // the same pool, for reading
	kept    *sql.DB // for reading kept streams
	dialect *sqlstore.Dialect
	tables  []*table
	schema  string // of the tables
	known   int64  // the version of the tables that this program knows
	begin   string // begins a transaction that writes
	close   func()
	within  *changing // the transaction of a switch, if the store reads and writes in one
}

// reader has the methods that read outside of transactions.
type reader = sqlstore.Reader

var _ store.Store = (*Store)(nil)

// nowMs is the server's time in milliseconds since the Unix epoch.
const nowMs = `CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)`

func newDialect(set *projections.Set) *sqlstore.Dialect {
	return &sqlstore.Dialect{
		Set:         set,
		Dollars:     true,
		Decode:      fromText,
		Encode:      toText,
		Any:         func(ids []string) (string, []any) { return `= ANY ($1)`, []any{ids} },
		Equals:      equals,
		Begins:      begins,
		NowMs:       nowMs,
		MakeFixed:   makeFixed,
		MakeTable:   tableStatements,
		NoteChanges: noteChanges,
		DropNotes:   dropNotes,
	}
}

// selectID distinguishes a store from its copies: a table that was copied with its database,
// or restored, has another oid; a server that was restored from a backup, or was promoted,
// has another timeline, which the names of its logs begin with.
const selectID = `SELECT id, tableoid::text, (SELECT oid::text FROM pg_catalog.pg_database WHERE datname = current_database()),
(SELECT system_identifier::text FROM pg_catalog.pg_control_system()),
CASE WHEN pg_is_in_recovery() THEN '' ELSE substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8) END
FROM quire_project_store`

// ID identifies the store by the id that was made with its tables, by its server and by its
// database. So a copy of the database is another store.
func (s *Store) ID(ctx context.Context) (string, error) {
	var id, table, database, server, timeline string
	if err := s.pool.QueryRow(ctx, selectID).Scan(&id, &table, &database, &server, &timeline); err != nil {
		return "", fmt.Errorf("read the store's id: %w", s.explain(err))
	}
	sum := sha256.Sum256([]byte(id + " " + table + " " + database + " " + server + " " + timeline))
	return hex.EncodeToString(sum[:16]), nil
}

// Kept streams are read by connections outside of the pool. They are read while transactions write
// rows of them, which have connections of the pool, or may have all.
const keptConns = 2

// openKept returns a database handle for connections with the settings of the pool. It opens no
// connection yet.
func openKept(pool *pgxpool.Pool) *sql.DB {
	like := pool.Config()
	options := []stdlib.OptionOpenDB{stdlib.OptionShouldPing(func(context.Context, stdlib.ShouldPingParams) bool { return true })}
	if like.BeforeConnect != nil {
		options = append(options, stdlib.OptionBeforeConnect(like.BeforeConnect))
	}
	if like.AfterConnect != nil {
		options = append(options, stdlib.OptionAfterConnect(like.AfterConnect))
	}
	db := stdlib.OpenDB(*like.ConnConfig, options...)
	db.SetMaxOpenConns(keptConns)
	return db
}

// Kept describes the kept streams of runs.
func (s *Store) Kept(ctx context.Context, runs []domain.RunID) (map[domain.RunID]store.Kept, error) {
	return sqlstore.NewReader(s.dialect, querier{s.kept}).Kept(ctx, runs)
}

// Piece returns bytes of a kept stream.
func (s *Store) Piece(ctx context.Context, run domain.RunID, offset int64) ([]byte, error) {
	return sqlstore.NewReader(s.dialect, querier{s.kept}).Piece(ctx, run, offset)
}

// Revision returns a text that identifies which transactions a reader sees. It changes with
// transactions in any database of the server. A standby does not know all of them.
func (s *Store) Revision(ctx context.Context) (revision string, err error) {
	if s.within != nil {
		return "", nil
	}
	err = s.pool.QueryRow(ctx, `SELECT CASE WHEN pg_is_in_recovery() THEN '' ELSE pg_current_snapshot()::text END`).Scan(&revision)
	if err != nil {
		return "", fmt.Errorf("read what has changed: %w", s.explain(err))
	}
	return revision, nil
}

// PostgreSQL keeps the plan of a prepared statement. A plan made while the tables were empty scans
// them completely, and makes a rebuild of 30,000 runs forty times as slow. Planning each statement
// again takes some microseconds.
const freshPlans = `SET LOCAL plan_cache_mode = force_custom_plan`

// lockRows makes a transaction that reads at one moment wait for a switch to other rows before that
// moment. Otherwise it would read the new tables as they were before the switch.
const lockRows = `; LOCK TABLE %s IN ACCESS SHARE MODE`

// indexPlans is for statements that write, which find their rows by an index. Before
// PostgreSQL has statistics for a table, it assumes that a hundred runs are half of it,
// and prefers to read it from end to end. Compiling a plan costs more than it saves.
const indexPlans = freshPlans + `; SET LOCAL enable_seqscan = off; SET LOCAL jit = off`

// querier runs queries outside of transactions, with fresh plans.
type querier struct{ db sqlstore.Querier }

// QueryContext runs a query without preparing it; pgx still caches its columns.
func (q querier) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return q.db.QueryContext(ctx, query, append([]any{pgx.QueryExecModeCacheDescribe}, args...)...)
}

func (s *Store) lockRows() string { return fmt.Sprintf(lockRows, s.dialect.SQL("{checkpoints}")) }

// beginTx begins a transaction, or a savepoint within that of a switch.
func (s *Store) beginTx(ctx context.Context, begin string) (pgx.Tx, error) {
	if s.within != nil {
		return s.within.tx.Begin(ctx)
	}
	return s.pool.BeginTx(ctx, pgx.TxOptions{BeginQuery: begin})
}

// View lets do read the rows of a run in one transaction.
func (s *Store) View(ctx context.Context, run domain.RunID, do func(store.Snapshot) error) error {
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return s.explain(err)
	}
	defer tx.Rollback() // it only reads
	if _, err := tx.ExecContext(ctx, freshPlans+s.lockRows()); err != nil {
		return s.explain(err)
	}
	dialect := *s.dialect
	dialect.Stream = (&cursors{}).open
	return do(dialect.Snapshot(ctx, tx, run))
}

// pagePlans is for pages of runs, which are found by indexes. PostgreSQL would rather read all
// runs, or all that have a label, than look some of them up.
const pagePlans = indexPlans + `; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off`

// Runs returns a page of runs.
func (s *Store) Runs(ctx context.Context, page store.Page) ([]store.Listed, error) {
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return nil, s.explain(err)
	}
	defer tx.Rollback() // it only reads
	if _, err := tx.ExecContext(ctx, pagePlans+s.lockRows()); err != nil {
		return nil, s.explain(err)
	}
	return sqlstore.NewReader(s.dialect, tx).Runs(ctx, page)
}

// beginQuery begins a transaction that writes. It sets the variable with which the store keeps
// the triggers from deleting checkpoints.
//
// By default, commits do not wait for the disk. If the server crashes, the commits of the last
// half second may be lost, each as a whole, with its rows and its checkpoint. The
// database is consistent, and the lost rows are derived again.
func beginQuery(durable bool) string {
	commit := "off"
	if durable {
		commit = "on"
	}
	return `BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL quire_project.writer = 'store'; ` + indexPlans + `; SET LOCAL synchronous_commit = ` + commit
}

// rollbackTime is how long a rollback may take.
const rollbackTime = 5 * time.Second

// Update lets do write in one transaction.
//
// If the context has a deadline, Update also sets it on the server: if this computer loses
// its power or network, the server would otherwise keep the runs locked for hours.
func (s *Store) Update(ctx context.Context, do func(store.Tx) error) error {
	begin := s.begin
	if deadline, ok := ctx.Deadline(); ok {
		begin += fmt.Sprintf("; SET LOCAL idle_in_transaction_session_timeout = %d", max(1, time.Until(deadline).Milliseconds()))
	}
	pg, err := s.beginTx(ctx, begin)
	if err != nil {
		return fmt.Errorf("begin to write: %w", explainWrite(err))
	}
	t := newTx(ctx, s, pg)
	committed := false
	defer func() {
		if !committed { // do may have panicked
			t.rollback()
		}
	}()
	if err := do(t); err != nil {
		return err
	}
	if err := t.commit(); err != nil {
		return fmt.Errorf("write the rows: %w", explainWrite(err))
	}
	committed = true
	return nil
}
