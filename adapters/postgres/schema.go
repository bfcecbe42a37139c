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

	"github.com/quire-ci/quire-project/adapters/internal/sqlstore"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// A migration locks the checkpoints exclusively before it changes anything else: it waits for the
// transactions that write, and later ones see that the tables are newer than they know.
//
//go:embed migrations/*.sql
var migrations embed.FS

// versions is the table in which goose keeps the version.
const versions = "quire_project_schema"

// relations are the tables and views that a store has whatever its projections are.
var relations = []string{"checkpoints", "sh_timings", "parked_segments", "quarantined_runs", "quire_project_store", "quire_project_projections", "quire_project_generations", "quire_project_changes", "quire_project_streams", "quire_project_pieces"}

// found is the content of a schema.
type found struct {
	schema   string
	encoding string   // of the database
	client   string   // encoding of the connection
	versions bool     // whether the table exists
	names    []string // names that a store needs, and that are in use
	version  int64    // of the tables; 0 if there are none
}

// prepare creates missing tables. If none is missing, it only reads, so that a role without other
// rights can open a store.
func (s *Store) prepare(ctx context.Context, o *options) error {
	provider, err := s.provider()
	if err != nil {
		return err
	}
	sources := provider.ListSources()
	s.known = sources[len(sources)-1].Version
	found, err := s.look(ctx)
	if err != nil {
		return err
	}
	s.schema = found.schema
	s.dialect.Existing = sqlstore.Statement{Query: selectTables, Args: []any{s.schema}}
	switch {
	case found.version > s.known:
		return sqlstore.CheckSchema(found.version, s.known)
	case found.version == 0 && len(found.names) > 0:
		return fmt.Errorf("%w: schema %q already has %s; name another database or, with search_path=, another schema", store.ErrForeign, found.schema, strings.Join(found.names, ", "))
	case found.version == 0 && o.mustExist:
		return errNoStore
	}
	if found.version < s.known {
		err = s.migrate(ctx, provider)
	}
	if err == nil {
		err = s.makeTables(ctx)
	}
	if err == nil {
		err = s.makeIndexes(ctx)
	}
	if err != nil {
		return fmt.Errorf("make the tables: %w", explainWrite(lostSince(err)))
	}
	return nil
}

// lostSince turns the error of a server that cannot be reached into a lost connection: the
// server has answered a moment ago, so its address is right.
func lostSince(err error) error {
	if errors.As(err, new(*pgconn.ConnectError)) {
		return &awayError{fmt.Errorf("%w: %v", errLost, err)}
	}
	return err
}

// How long a migration retries while other programs make the same tables, and how long it
// pauses.
const (
	collisionTimeout = 10 * time.Second
	collisionPause   = 50 * time.Millisecond
)

// migrate brings the tables up to date. If several programs do so at the same time, all but one
// fail without effect and retry. A session lock would not work behind a pooler.
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

// collisions are the SQLSTATEs of objects that another program has just created or renamed, or is
// creating.
var collisions = []string{
	"23505", "42P07", "42701", "42710", "42723", // unique_violation, of a catalogue too; duplicate_table, _column, _object, _function
	"42703", "42P01", // undefined_column, _table
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

// look returns the content of the current schema at one moment, because another process may
// be making the tables.
func (s *Store) look(ctx context.Context) (found found, err error) {
	err = pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if err := found.read(ctx, tx, s.tables); err != nil || !found.versions {
			return err
		}
		return tx.QueryRow(ctx, sqlstore.SelectSchema).Scan(&found.version)
	})
	return found, err
}

const selectRelations = `SELECT coalesce(current_schema(), ''), current_setting('server_encoding'), current_setting('client_encoding'),
coalesce(bool_or(relname = $1), false), coalesce(array_agg(relname::text ORDER BY relname) FILTER (WHERE relname <> $1), '{}')
FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace AS n ON n.oid = relnamespace
WHERE n.nspname = current_schema() AND (relname = $1 OR relname = ANY ($2))`

// selectTables selects the names of the tables and views in a schema.
const selectTables = `SELECT relname::text FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relkind IN ('r', 'v', 'm', 'p', 'f')`

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
		return errors.New("no schema in the connection's search_path exists; make one with CREATE SCHEMA, or name another one")
	case f.client != encoding:
		return fmt.Errorf("the connection's client_encoding is %s, which garbles text; configure the pool for UTF8", f.client)
	case f.encoding != encoding:
		return fmt.Errorf("the database's encoding is %s, which cannot store all text; make a database with ENCODING 'UTF8'", f.encoding)
	}
	return nil
}

//go:embed sh_timings.sql
var shTimings string

// makeTables makes the missing tables of projections.
func (s *Store) makeTables(ctx context.Context) error {
	return s.makeMissing(ctx, func(q sqlstore.Querier) ([]string, error) { return s.missing(ctx, q) })
}

// makeIndexes makes the declared indexes that tables lack, since tables that are there stay
// as they are. Nothing needs an index, so a role that does not own the tables works without.
func (s *Store) makeIndexes(ctx context.Context) error {
	err := s.makeMissing(ctx, func(q sqlstore.Querier) ([]string, error) { return s.missingIndexes(ctx, q) })
	if sqlstore.CannotWrite(explainWrite(err)) {
		return nil
	}
	return err
}

// makeMissing runs the statements that missing returns, one program at a time. If there are none,
// it only reads.
func (s *Store) makeMissing(ctx context.Context, missing func(sqlstore.Querier) ([]string, error)) error {
	statements, err := missing(querier{s.db})
	if err != nil || len(statements) == 0 {
		return err
	}
	return s.whenFree(ctx, func(c *changing) error {
		statements, err := missing(c)
		if err == nil {
			err = c.Exec(ctx, statements...)
		}
		return foreign(err)
	})
}

// missing returns the statements that make the missing tables.
func (s *Store) missing(ctx context.Context, q sqlstore.Querier) (all []string, err error) {
	tables, err := sqlstore.NewReader(s.dialect, q).Tables(ctx)
	if err != nil {
		return nil, err
	}
	s.dialect.Other = tables.Other
	for _, table := range tables.Drop {
		if table == projections.RunTable.Table || table == projections.ShEvents.Table {
			all = append(all, s.drop("VIEW", "sh_timings"))
		}
		all = append(all, s.drop("TABLE", table))
	}
	for _, of := range tables.Missing {
		all = append(append(all, tableStatements(s.dialect, of)...), s.dialect.RegisterTable(of))
	}
	if len(all) > 0 {
		all = append(all, shTimings)
	}
	return all, nil
}

// index is one that exists.
type index struct{ table, name, definition string }

// is reports whether the index is a declared one. Earlier programs let the server name it.
func (i index) is(of *projections.Definition, declared projections.Index) bool {
	same := strings.Contains(i.definition, "("+indexColumns(of, declared)+")") && strings.Contains(i.definition, " WHERE ") == (declared.Where != "")
	return i.table == of.Table && (same || sqlstore.IsIndex(i.name, of, declared))
}

// missingIndexes returns the statements that make the missing indexes.
func (s *Store) missingIndexes(ctx context.Context, q sqlstore.Querier) (all []string, err error) {
	rows, err := q.QueryContext(ctx, `SELECT tablename::text, indexname::text, indexdef FROM pg_catalog.pg_indexes WHERE schemaname = $1`, s.schema)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var there []index
	for rows.Next() {
		var i index
		if err := rows.Scan(&i.table, &i.name, &i.definition); err != nil {
			return nil, err
		}
		there = append(there, i)
	}
	for _, of := range s.dialect.Set.Stored() {
		for _, declared := range of.Indexes {
			if s.dialect.Other[of] == nil && !slices.ContainsFunc(there, func(i index) bool { return i.is(of, declared) }) {
				all = append(all, s.dialect.CreateIndex(of, declared, indexColumns(of, declared)))
			}
		}
	}
	return all, rows.Err()
}

// drop names the schema: if somebody has removed the table, its name may belong to a table
// in another schema of the search_path.
func (s *Store) drop(kind, name string) string {
	return fmt.Sprintf(`DROP %s IF EXISTS %s`, kind, pgx.Identifier{s.schema, name}.Sanitize())
}

// foreign explains the error for a table that already exists.
func foreign(err error) error {
	var said *pgconn.PgError
	if errors.As(err, &said) && said.Code == "42P07" { // duplicate_table
		return fmt.Errorf("%w: %w; name another database or, with search_path=, another schema", store.ErrForeign, err)
	}
	return err
}
