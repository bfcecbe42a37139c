package postgres

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/quire-ci/quire-project/adapters/internal/sqlread"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

//go:embed sh_timings.sql
var shTimings string

// makeTables makes the tables of projections that there are none of, and those that were
// made for other columns anew, if that is asked for. Where there is nothing to make, it
// only reads.
func (s *Store) makeTables(ctx context.Context, remake bool) error {
	statements, err := s.missing(ctx, reader{s.db}, remake)
	if err != nil || len(statements) == 0 {
		return err
	}
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return err
	}
	defer tx.Rollback() // of no effect behind a commit
	// One program at a time. The lock is that of the run without an id, which there is not.
	if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, lockKeys(s.schema, []domain.RunID{""})[0]); err != nil {
		return err
	}
	if statements, err = s.missing(ctx, tx, remake); err != nil || len(statements) == 0 {
		return err
	}
	statements = append(statements, shTimings)
	if _, err := tx.ExecContext(ctx, strings.Join(statements, ";\n")); err != nil {
		return foreign(err)
	}
	return tx.Commit()
}

// missing returns the statements that make the tables which are missing.
func (s *Store) missing(ctx context.Context, q sqlread.Querier, remake bool) (all []string, err error) {
	missing, drop, err := s.dialect.Tables(ctx, q, remake)
	if err != nil {
		return nil, err
	}
	for _, table := range drop {
		if table == projections.RunTable.Table || table == projections.ShEvents.Table {
			all = append(all, s.drop("VIEW", "sh_timings"))
		}
		all = append(all, s.drop("TABLE", table))
	}
	for _, of := range missing {
		all = append(all, tableStatements(of)...)
		// Where an older version had rows in the table, that one is not to take it for its
		// own any more: the checkpoints of its runs name rows that are gone.
		all = append(all, fmt.Sprintf(`INSERT INTO quire_project_projections AS p (name, version, columns) VALUES ('%s', 0, '%s')
ON CONFLICT (name) DO UPDATE SET version = CASE p.version WHEN 0 THEN 0 ELSE %d END, columns = excluded.columns`, of.Name, of.Describe(), of.Version)) // both are of identifiers
	}
	return all, nil
}

// drop names the schema: somebody may have removed the table, and have another one of its
// name further on in the search_path.
func (s *Store) drop(kind, name string) string {
	return fmt.Sprintf(`DROP %s IF EXISTS %s`, kind, pgx.Identifier{s.schema, name}.Sanitize())
}

// foreign says what it means that a table is there already.
func foreign(err error) error {
	var said *pgconn.PgError
	if errors.As(err, &said) && said.Code == "42P07" { // duplicate_table
		return fmt.Errorf("%w: %w; name a database or, with search_path=, a schema of its own", store.ErrForeign, err)
	}
	return err
}
