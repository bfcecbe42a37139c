package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/quire-ci/quire-project/adapters/internal/sqlread"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// Store keeps the rows of runs in an SQLite database.
type Store struct {
	// name is the database's in errors; it is empty where nobody told it.
	name          string
	reads, writes *sql.DB
	dialect       *sqlread.Dialect
	close         func() error
	turn          chan struct{} // held by who writes
	kept          *session      // for the next one
	files         files
	tables        map[*projections.Definition]*tables
}

var _ store.Store = (*Store)(nil)

func newStore(name string, set *projections.Set, reads, writes *sql.DB, closeAll func() error) *Store {
	s := &Store{name: name, reads: reads, writes: writes, close: closeAll, turn: make(chan struct{}, 1)}
	s.dialect = &sqlread.Dialect{Set: set, Error: s.where}
	s.tables = map[*projections.Definition]*tables{}
	for _, of := range set.Stored() {
		s.tables[of] = newTables(of)
	}
	return s
}

// Close ends the use of the database. A handle that was given to [New] stays
// open.
func (s *Store) Close() error {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	if s.kept != nil {
		s.kept.close()
		s.kept = nil
	}
	return s.close()
}

// fail says of an error, if there is one, what failed, and where.
func (s *Store) fail(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, s.where(err))
}

// where says of an error in which database it was, and what can be done.
func (s *Store) where(err error) error {
	if s.name == "" {
		return explain(err)
	}
	return fmt.Errorf("%s: %w", s.name, explain(err))
}

// there returns why the database is not at its path any more or, where it is, the
// error of what was done with it: what one did could be of a file that nobody finds.
func (s *Store) there(what string, err error) error {
	if moved := s.files.check(); moved != nil {
		return s.fail(what, moved)
	}
	return err
}

func (s *Store) Checkpoints(ctx context.Context, runs []domain.RunID) (map[domain.RunID]store.Checkpoint, error) {
	found, err := s.dialect.Checkpoints(ctx, s.reads, runs)
	return found, s.there("read", err)
}

func (s *Store) Runs(ctx context.Context, page store.Page) ([]store.Run, error) {
	found, err := s.dialect.Runs(ctx, s.reads, page)
	return found, s.there("read", err)
}

func (s *Store) RunIDs(ctx context.Context, after domain.RunID, limit int) ([]domain.RunID, error) {
	found, err := s.dialect.RunIDs(ctx, s.reads, after, limit)
	return found, s.there("read", err)
}

func (s *Store) Outdated(ctx context.Context, after domain.RunID, limit int) ([]domain.RunID, error) {
	found, err := s.dialect.Outdated(ctx, s.reads, after, limit)
	return found, s.there("read", err)
}

// Projections returns those that the store has tables of, for this program.
func (s *Store) Projections() *projections.Set { return s.dialect.Set }

func (s *Store) Versions(ctx context.Context) (map[string]int, error) {
	versions, err := s.dialect.Versions(ctx, s.reads)
	return versions, s.there("read", err)
}

func (s *Store) Waiting(ctx context.Context, runs ...domain.RunID) ([]store.Waiting, error) {
	found, err := s.dialect.Waiting(ctx, s.reads, runs)
	return found, s.there("read", err)
}

func (s *Store) Parked(ctx context.Context, run domain.RunID, offset int64) (domain.Segment, bool, error) {
	segment, ok, err := s.dialect.Parked(ctx, s.reads, run, offset)
	return segment, ok, s.there("read", err)
}

// View lets do read in one transaction. It keeps nobody from writing, but as
// long as it lasts the write-ahead log cannot be used again from its start.
func (s *Store) View(ctx context.Context, run domain.RunID, do func(store.Snapshot) error) error {
	return s.there("read", s.view(ctx, run, do))
}

func (s *Store) view(ctx context.Context, run domain.RunID, do func(store.Snapshot) error) error {
	read, err := s.reads.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return s.fail("read", err)
	}
	defer read.Rollback()
	return do(s.dialect.Snapshot(ctx, read, run))
}
