package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/quire-ci/quire-project/projections/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

const (
	// versions is the table in which goose keeps what migrations were run.
	versions = "quire_project_schema"
	// migrationLock is the advisory lock under which they are run: "quireprj".
	migrationLock = 0x717569726570726a
)

// relations are the names that the migrations take.
var relations = []string{"runs", "jobs", "sh_events", "timings", "diagnostics", "long_job_ids", "checkpoints", "sh_timings", "held_segments", "quarantined_runs"}

// found is what a schema holds.
type found struct {
	schema   string
	encoding string
	versions bool     // the table of that name
	names    []string // those of relations that are taken
	version  int64    // of the tables, 0 where there are none
}

// prepare sees to it that the tables are there. Where they are, it only reads:
// a role that may do no more can open a store, too.
func (s *Store) prepare(ctx context.Context, mustExist bool) error {
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
	case found.version == newest:
		return nil
	case found.version > newest:
		return fmt.Errorf("%w (its tables are of version %d, this program's of %d)", store.ErrNewerSchema, found.version, newest)
	case found.version == 0 && len(found.names) > 0:
		return fmt.Errorf("%w: schema %q has %s already; name a database or, with search_path=, a schema of its own", store.ErrForeign, found.schema, strings.Join(found.names, ", "))
	case found.version == 0 && mustExist:
		return errNoStore
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("make the tables: %w", explainWrite(err))
	}
	return nil
}

// provider returns what runs the migrations. Several processes can open a new
// database at the same time: one of them makes the tables, the others wait.
func (s *Store) provider() (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockID(migrationLock), lock.WithLockTimeout(1, 300))
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectPostgres, s.db, files,
		goose.WithTableName(versions), goose.WithSessionLocker(locker), goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
}

// look returns what the current schema holds, as of one moment, since another
// process may be making the tables.
func (s *Store) look(ctx context.Context) (found found, err error) {
	err = pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if err := found.read(ctx, tx); err != nil || !found.versions {
			return err
		}
		return tx.QueryRow(ctx, `SELECT coalesce(max(version_id), 0) FROM `+versions).Scan(&found.version)
	})
	return found, err
}

const selectRelations = `SELECT coalesce(current_schema(), ''), current_setting('server_encoding'),
coalesce(bool_or(relname = $1), false), coalesce(array_agg(relname::text ORDER BY relname) FILTER (WHERE relname <> $1), '{}')
FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace AS n ON n.oid = relnamespace
WHERE n.nspname = current_schema() AND (relname = $1 OR relname = ANY ($2))`

func (f *found) read(ctx context.Context, tx pgx.Tx) error {
	err := tx.QueryRow(ctx, selectRelations, versions, relations).Scan(&f.schema, &f.encoding, &f.versions, &f.names)
	switch {
	case err != nil:
		return err
	case f.schema == "":
		return errors.New("the connection's search_path names no schema that exists; make it with CREATE SCHEMA, or name another one")
	case f.encoding != "UTF8":
		return fmt.Errorf("the database's encoding is %s, in which not all text can be kept; make one with ENCODING 'UTF8'", f.encoding)
	}
	return nil
}
