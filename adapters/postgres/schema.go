package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"

	"github.com/quire-ci/quire-project/projections/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// versions is the table in which goose keeps what migrations were run.
const versions = "quire_project_schema"

// relations are the names that a store takes, whatever its projections are.
var relations = []string{"checkpoints", "sh_timings", "held_segments", "quarantined_runs", "quire_project_store", "quire_project_projections"}

// found is what a schema holds.
type found struct {
	schema   string
	encoding string   // of the database
	client   string   // encoding of the connection
	versions bool     // the table of that name
	names    []string // those that are to be taken and are
	version  int64    // of the tables, 0 where there are none
}

// prepare sees to it that the tables are there. Where they are, it only reads:
// a role that may do no more can open a store, too.
func (s *Store) prepare(ctx context.Context, o *options) error {
	provider, err := s.provider()
	if err != nil {
		return err
	}
	sources := provider.ListSources()
	newest := sources[len(sources)-1].Version
	found, err := s.look(ctx)
	if err != nil {
		return err
	}
	s.schema = found.schema
	switch {
	case found.version > newest:
		return fmt.Errorf("%w (its tables are of version %d, this program's of %d)", store.ErrNewerSchema, found.version, newest)
	case found.version == 0 && len(found.names) > 0:
		return fmt.Errorf("%w: schema %q has %s already; name a database or, with search_path=, a schema of its own", store.ErrForeign, found.schema, strings.Join(found.names, ", "))
	case found.version == 0 && o.mustExist:
		return errNoStore
	}
	if found.version < newest {
		err = s.migrate(ctx, provider)
	}
	if err == nil {
		err = s.makeTables(ctx, o.remake)
	}
	if err != nil {
		return fmt.Errorf("make the tables: %w", explainWrite(lostSince(err)))
	}
	return nil
}

// lostSince makes of a server that cannot be reached one that is lost: it has
// answered a moment ago, so that its address is right.
func lostSince(err error) error {
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		return &awayError{fmt.Errorf("%w: %v", errLost, err)}
	}
	return err
}

// How long others that make the same tables are waited for, and how often is
// looked whether they are done.
const (
	collisionTimeout = 10 * time.Second
	collisionPause   = 50 * time.Millisecond
)

// migrate brings the tables up to date. If several programs do so at the same time, all
// but one fail without effect and try again. A session lock would not work behind a
// pooler.
func (s *Store) migrate(ctx context.Context, provider *goose.Provider) error {
	for end := time.Now().Add(collisionTimeout); ; {
		_, err := provider.Up(ctx)
		if !isCollision(err) || time.Now().After(end) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(collisionPause):
		}
	}
}

// collisions are the SQLSTATEs of objects that another program has just created, or is creating.
var collisions = []string{
	"23505", "42P07", "42701", "42710", "42723", // unique_violation, of a catalogue too; duplicate_table, _column, _object, _function
	"40P01", "40001", "XX000", // deadlock_detected, serialization_failure, internal_error: "tuple concurrently updated"
}

func isCollision(err error) bool {
	var said *pgconn.PgError
	return errors.As(err, &said) && slices.Contains(collisions, said.Code)
}

func (s *Store) provider() (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectPostgres, s.db, files,
		goose.WithTableName(versions), goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
}

// look returns what the current schema holds, as of one moment, since another
// process may be making the tables.
func (s *Store) look(ctx context.Context) (found found, err error) {
	err = pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if err := found.read(ctx, tx, s.tables); err != nil || !found.versions {
			return err
		}
		return tx.QueryRow(ctx, `SELECT coalesce(max(version_id), 0) FROM `+versions).Scan(&found.version)
	})
	return found, err
}

const selectRelations = `SELECT coalesce(current_schema(), ''), current_setting('server_encoding'), current_setting('client_encoding'),
coalesce(bool_or(relname = $1), false), coalesce(array_agg(relname::text ORDER BY relname) FILTER (WHERE relname <> $1), '{}')
FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace AS n ON n.oid = relnamespace
WHERE n.nspname = current_schema() AND (relname = $1 OR relname = ANY ($2))`

func (f *found) read(ctx context.Context, tx pgx.Tx, tables []*table) error {
	names := slices.Clone(relations)
	for _, table := range tables {
		names = append(names, table.of.Table)
	}
	err := tx.QueryRow(ctx, selectRelations, versions, names).Scan(&f.schema, &f.encoding, &f.client, &f.versions, &f.names)
	switch {
	case err != nil:
		return err
	case f.schema == "":
		return errors.New("the connection's search_path names no schema that exists; make it with CREATE SCHEMA, or name another one")
	case f.client != encoding:
		return fmt.Errorf("the connection's client_encoding is %s, in which text would be garbled; have the pool ask for UTF8", f.client)
	case f.encoding != encoding:
		return fmt.Errorf("the database's encoding is %s, in which not all text can be kept; make one with ENCODING 'UTF8'", f.encoding)
	}
	return nil
}
