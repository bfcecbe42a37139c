package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/quire-ci/quire-project/adapters/internal/sqlstore"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

//go:embed migrations/*.sql
var embedded embed.FS

// latest is the version of the newest migration.
const latest = 7

// migrationTimeout is how long a migration waits for other programs.
const migrationTimeout = 10 * time.Second

// prepare brings the tables up to the latest version, makes those of projections, and makes the store
// keep streams if that is wanted.
func (s *Store) prepare(ctx context.Context, keep bool) error {
	d := &sqlstore.Dialect{Set: s.dialect.Set}
	err := retryLocked(ctx, migrationTimeout, func() error { return migrateFixed(ctx, s.writes, d.Set) })
	if err == nil {
		err = retryLocked(ctx, migrationTimeout, func() (err error) {
			s.dialect.Other, err = makeTables(ctx, s.writes, d)
			return err
		})
	}
	if d.Other = s.dialect.Other; err == nil {
		err = makeIndexes(ctx, s.writes, d)
	}
	if err == nil && keep {
		err = retryLocked(ctx, migrationTimeout, func() error {
			_, err := s.writes.ExecContext(ctx, sqlstore.KeepStreams)
			return err
		})
	}
	return err
}

// migrateFixed runs the migrations. Other programs may run them at the same time: a failed
// migration is an error only if no other program has completed it.
func migrateFixed(ctx context.Context, db *sql.DB, set *projections.Set) error {
	version, err := inspect(ctx, db, set)
	for err == nil && version < latest {
		before, failed := version, up(ctx, db)
		if version, err = inspect(ctx, db, set); err == nil && version == before {
			return failed
		}
	}
	return err
}

// retryLocked retries do while another program locks the database. SQLite's own timeout
// does not cover locks that could be a deadlock.
func retryLocked(ctx context.Context, timeout time.Duration, do func() error) error {
	for end := time.Now().Add(timeout); ; {
		err := do()
		if !errors.Is(explain(err), store.ErrLocked) || time.Now().After(end) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func up(ctx context.Context, db *sql.DB) error {
	provider, err := provider(db)
	if err == nil {
		_, err = provider.Up(ctx)
	}
	return err
}

func provider(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(embedded, "migrations")
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectSQLite3, db, files,
		goose.WithTableName(schemaTable), goose.WithDisableGlobalRegistry(true),
		goose.WithGoMigrations(goose.NewGoMigration(7, &goose.GoFunc{RunTx: rename}, nil)))
}

// rename gives tables, columns and codes the names that the program and its documentation use. The
// columns of checkpoints and of generations are also the fence against programs that do not know
// these names: they can write no run and make no generation.
func rename(ctx context.Context, tx *sql.Tx) error {
	const each = `SELECT group_concat('ALTER TABLE ' || name || ' RENAME COLUMN reading TO read_options;', '') FROM sqlite_schema
WHERE type = 'table' AND (name = 'checkpoints' OR name GLOB 'quire_project_g[0-9]*_checkpoints')`
	var statements string
	if err := tx.QueryRowContext(ctx, each).Scan(&statements); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, statements+`
ALTER TABLE held_segments RENAME TO parked_segments;
ALTER TABLE parked_segments RENAME COLUMN held_at_ms TO parked_at_ms;
UPDATE quarantined_runs SET code = 'not_resumable' WHERE code = 'cannot_go_on';
ALTER TABLE quire_project_generations RENAME COLUMN generation TO number`)
	return err
}

// schemaTable is the table in which goose keeps the version. It distinguishes our tables
// from those of other programs.
const schemaTable = "quire_project_schema"

// fixedNames are the tables and views that a store has whatever its projections are.
var fixedNames = []string{"sh_timings", "checkpoints", "parked_segments", "quarantined_runs", "quire_project_store", "quire_project_projections", "quire_project_generations", "quire_project_changes", "quire_project_streams", "quire_project_pieces"}

// inspect returns the version of the store's tables, or 0 if there are none. It only reads.
func inspect(ctx context.Context, db *sql.DB, set *projections.Set) (version int64, err error) {
	names, err := namesIn(ctx, db, set)
	if err != nil {
		return 0, err
	}
	if names[schemaTable] {
		if version, err = versionIn(ctx, db); err != nil {
			return 0, err
		}
	}
	if err := sqlstore.CheckSchema(version, latest); err != nil {
		return 0, err
	}
	delete(names, schemaTable)
	if version == 0 && len(names) > 0 {
		return 0, foreign(slices.Min(slices.Collect(maps.Keys(names))))
	}
	return version, nil
}

// versionIn returns the newest migration of the database. While another program makes the
// store, it is 0 for a moment.
func versionIn(ctx context.Context, db *sql.DB) (version int64, err error) {
	var ours bool
	const isOurs = `SELECT count(*) = 1 FROM pragma_table_info('` + schemaTable + `') WHERE name = 'version_id'`
	if err := db.QueryRowContext(ctx, isOurs).Scan(&ours); err != nil {
		return 0, err
	}
	if !ours {
		return 0, foreign(schemaTable)
	}
	err = db.QueryRowContext(ctx, sqlstore.SelectSchema).Scan(&version)
	return version, err
}

// checkReadable returns an error if a read-only database lacks tables.
func (s *Store) checkReadable(ctx context.Context) error {
	version, err := inspect(ctx, s.reads, s.dialect.Set)
	var tables sqlstore.Tables
	if err == nil && version == latest {
		tables, err = sqlstore.NewReader(&sqlstore.Dialect{Set: s.dialect.Set}, s.reads).Tables(ctx)
		s.dialect.Other = tables.Other
	}
	if err == nil && (version < latest || len(tables.Missing) > 0) {
		err = fmt.Errorf("%w, and lacks tables that this program reads; make it writable and open it once", store.ErrReadOnly)
	}
	return err
}

// namesIn returns which of the names that a store needs are in use.
func namesIn(ctx context.Context, q sqlstore.Querier, set *projections.Set) (map[string]bool, error) {
	wanted := append([]string{schemaTable}, fixedNames...)
	for _, of := range set.Stored() {
		wanted = append(wanted, of.Table)
	}
	rows, err := q.QueryContext(ctx, `SELECT lower(name) FROM sqlite_schema`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names := map[string]bool{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		if slices.Contains(wanted, name) {
			names[name] = true
		}
	}
	return names, rows.Err()
}

func foreign(name string) error {
	return fmt.Errorf("%w: %s; name another database", store.ErrForeign, name)
}
