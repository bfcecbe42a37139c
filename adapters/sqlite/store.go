package sqlite

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	lib "modernc.org/sqlite/lib"

	"github.com/quire-ci/quire-project/adapters/internal/sqlstore"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// Store keeps the rows of runs in an SQLite database.
type Store struct {
	reader
	*database
	dialect     *sqlstore.Dialect
	tables      map[*projections.Definition]*tables
	checkpoints *table
	generations sqlstore.Generations
	// within is the transaction of a switch, if the store reads and writes in one.
	within *session
}

// database is an open database, which the generations of rows share.
type database struct {
	name          string // in errors; empty for New
	reads, writes *sql.DB
	close         func() error
	turn          chan struct{} // held by the goroutine that writes
	listing       chan struct{} // held by those that read pages of runs
	kept          *session      // for the next update
	files         files
	watch         watch
}

// reader has the methods that read outside of transactions.
type reader = sqlstore.Reader

var _ store.Store = (*Store)(nil)

func newStore(name string, set *projections.Set, reads, writes *sql.DB, closeAll func() error) *Store {
	db := &database{name: name, reads: reads, writes: writes, close: closeAll, turn: make(chan struct{}, 1), listing: make(chan struct{}, runtime.GOMAXPROCS(0))}
	return db.store(set, "")
}

// store returns the store of the tables with a prefix.
func (db *database) store(set *projections.Set, prefix string) *Store {
	s := &Store{database: db}
	s.dialect = &sqlstore.Dialect{
		Set: set, Prefix: prefix, Error: s.explain, Existing: sqlstore.Statement{Query: `SELECT lower(name) FROM sqlite_schema WHERE type = 'table'`},
		MakeFixed: makeFixed, MakeTable: tableStatements, NoteChanges: noteChanges, DropNotes: dropNotes,
	}
	s.reader = sqlstore.NewReader(s.dialect, querier{s})
	s.generations = sqlstore.Generations{Reader: s.reader, DropTable: s.dropTable, Change: func(ctx context.Context, what string, do func(sqlstore.Changing) error) error {
		return s.change(ctx, what, func(session *session) error { return do(session) })
	}}
	s.tables = map[*projections.Definition]*tables{}
	for _, of := range set.Stored() {
		s.tables[of] = newTables(s.dialect, of)
	}
	s.checkpoints = newCheckpoints(s.dialect)
	return s
}

// Runs returns a page of runs. Callers take turns, as many at once as there are processors:
// otherwise some would be delayed by all others again and again.
func (s *Store) Runs(ctx context.Context, page store.Page) ([]store.Listed, error) {
	select {
	case s.listing <- struct{}{}:
		defer func() { <-s.listing }()
		return s.reader.Runs(ctx, page)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Close closes the database. It does not close a handle that you passed to [New].
func (s *Store) Close() error {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	if s.kept != nil {
		s.kept.close()
		s.kept = nil
	}
	return errors.Join(s.watch.close(), s.close())
}

// ID identifies the store by the id that was made with its tables, and by its file if it has
// a path. So a copy of the file is another store.
func (s *Store) ID(ctx context.Context) (string, error) {
	var id string
	if err := s.reads.QueryRowContext(ctx, `SELECT id FROM quire_project_store`).Scan(&id); err != nil {
		return "", s.fail("read the store's id", err)
	}
	if s.name == "" {
		return id, nil
	}
	info, err := os.Stat(s.name)
	if err != nil {
		return "", s.fail("read the store's id", err)
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s", id, fileID(s.name, info)))
	return hex.EncodeToString(sum[:16]), nil
}

// fail adds to an error what failed, and in which database.
func (s *database) fail(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, s.explain(err))
}

// explain adds to an error the name of the database, and what to do.
func (s *database) explain(err error) error {
	if moved := s.files.check(); moved != nil {
		err = moved
	} else if codeOf(err) == lib.SQLITE_ERROR { // there is no such table or column
		err = s.newer(err)
	}
	if s.name == "" {
		return explain(err)
	}
	return fmt.Errorf("%s: %w", s.name, explain(err))
}

// versionTime is how long looking up the version of the tables may take. A handle that you passed to
// [New] may have no other connection.
const versionTime = time.Second

// newer returns a [store.ErrNewerSchema] instead of an error that has another reason if a newer
// program has migrated the tables.
func (s *database) newer(err error) error {
	ctx, cancel := context.WithTimeout(context.Background(), versionTime)
	defer cancel()
	var version int64
	if s.reads.QueryRowContext(ctx, sqlstore.SelectSchema).Scan(&version) != nil {
		return err
	}
	return cmp.Or(sqlstore.CheckSchema(version, latest), err)
}

// inPlace returns the error of an operation, or another one if the database is not at its path
// any more: the operation may then have used a file that nobody finds.
func (s *database) inPlace(what string, err error) error {
	if moved := s.files.check(); moved != nil {
		return s.fail(what, moved)
	}
	return err
}

// querier runs queries if the database is still at its path.
type querier struct{ store *Store }

func (q querier) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	db := sqlstore.Querier(q.store.reads)
	if q.store.within != nil {
		db = q.store.within.conn
	}
	rows, err := db.QueryContext(ctx, query, args...)
	if moved := q.store.files.check(); moved != nil && err == nil {
		rows.Close() // nothing was written
		return nil, moved
	}
	return rows, err
}

// View lets do read in one transaction. Other programs can write meanwhile, but they cannot
// start the write-ahead log over.
func (s *Store) View(ctx context.Context, run domain.RunID, do func(store.Snapshot) error) error {
	return s.inPlace("read", s.view(ctx, run, do))
}

func (s *Store) view(ctx context.Context, run domain.RunID, do func(store.Snapshot) error) error {
	read, err := s.reads.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return s.fail("read", err)
	}
	defer read.Rollback()
	return do(s.dialect.Snapshot(ctx, read, run))
}
