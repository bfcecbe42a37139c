package sqlite

import (
	"context"
	"database/sql"
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/quire-ci/quire-project/adapters/internal/sqlstore"
	"github.com/quire-ci/quire-project/projections"
)

//go:embed sh_timings.sql
var shTimings string

// types are the SQL types of columns.
var types = map[projections.Type]string{projections.Text: "TEXT", projections.Int: "INTEGER", projections.Bool: "INTEGER"}

// tableStatements make the table of a projection and its indexes. Triggers delete a run's
// checkpoint when somebody changes or deletes rows by hand, so that the run is derived
// again; the store itself writes the checkpoint last. Inserts have no trigger, because it
// would slow down each row; verify finds rows that do not belong.
func tableStatements(d *sqlstore.Dialect, of *projections.Definition) []string {
	columns, key := []string{"run_id TEXT NOT NULL"}, []string{"run_id"}
	for _, c := range of.Columns {
		column := fmt.Sprintf("%q %s", c.Name, types[c.Type])
		if !c.Nullable {
			column += " NOT NULL"
		}
		columns = append(columns, column)
		if c.Key {
			key = append(key, fmt.Sprintf("%q", c.Name))
		}
	}
	if of.ByPosition {
		key = append(key, "position")
	}
	columns = append(columns, "position INTEGER NOT NULL", "final INTEGER NOT NULL", "PRIMARY KEY ("+strings.Join(key, ", ")+")")
	statements := []string{
		d.SQL(fmt.Sprintf("CREATE TABLE {%s} (\n  %s\n) STRICT, WITHOUT ROWID", of.Table, strings.Join(columns, ",\n  "))),
		d.SQL(fmt.Sprintf("CREATE TRIGGER %s AFTER UPDATE ON {%s}\nBEGIN DELETE FROM {checkpoints} WHERE run_id IN (OLD.run_id, NEW.run_id); END", d.Own(of.Table+"_changed"), of.Table)),
		d.SQL(fmt.Sprintf("CREATE TRIGGER %s AFTER DELETE ON {%s}\nBEGIN DELETE FROM {checkpoints} WHERE run_id = OLD.run_id; END", d.Own(of.Table+"_removed"), of.Table)),
	}
	for _, index := range of.Indexes {
		statements = append(statements, d.CreateIndex(of, index, index.Columns))
	}
	return statements
}

// makeIndexes makes the declared indexes that tables lack, since tables that are there stay
// as they are. Nothing needs an index, so a database that cannot be written stays without.
func makeIndexes(ctx context.Context, db *sql.DB, d *sqlstore.Dialect) error {
	there, err := indexNames(ctx, db)
	for _, of := range d.Set.Stored() {
		for _, index := range of.Indexes {
			if err == nil && d.Other[of] == nil && !slices.ContainsFunc(there[of.Table], func(name string) bool { return sqlstore.IsIndex(name, of, index) }) {
				_, err = db.ExecContext(ctx, d.CreateIndex(of, index, index.Columns))
			}
		}
	}
	if sqlstore.CannotWrite(explain(err)) {
		return nil
	}
	return err
}

// indexNames returns the names of the indexes of each table.
func indexNames(ctx context.Context, db *sql.DB) (map[string][]string, error) {
	rows, err := db.QueryContext(ctx, `SELECT tbl_name, name FROM sqlite_schema WHERE type = 'index'`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names := map[string][]string{}
	for rows.Next() {
		var table, name string
		if err := rows.Scan(&table, &name); err != nil {
			return nil, err
		}
		names[table] = append(names[table], name)
	}
	return names, rows.Err()
}

// makeTables makes the missing tables of projections, and returns the others that have other
// columns. On an error it changes nothing.
func makeTables(ctx context.Context, db *sql.DB, d *sqlstore.Dialect) (other map[*projections.Definition]error, err error) {
	session, err := newSession(ctx, db)
	if err != nil {
		return nil, err
	}
	defer session.close()
	tables, err := sqlstore.NewReader(d, session.conn).Tables(ctx)
	if err != nil || len(tables.Missing) == 0 {
		return tables.Other, err
	}
	if err := session.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			session.rollback(ctx, whole)
		}
	}()
	// Look again under the lock: another program may have made the tables meanwhile.
	tables, err = sqlstore.NewReader(d, session.conn).Tables(ctx)
	if err != nil {
		return nil, err
	}
	statements, err := missingTables(ctx, session.conn, d, tables)
	if err != nil {
		return nil, err
	}
	return tables.Other, session.Exec(ctx, append(statements, "COMMIT")...)
}

// missingTables returns the statements that give each projection its table.
func missingTables(ctx context.Context, conn *sql.Conn, d *sqlstore.Dialect, tables sqlstore.Tables) (all []string, err error) {
	if len(tables.Missing) == 0 {
		return nil, nil
	}
	names, err := namesIn(ctx, conn, d.Set)
	if err != nil {
		return nil, err
	}
	for _, table := range tables.Drop {
		all = append(all, `DROP TABLE IF EXISTS "`+strings.ReplaceAll(table, `"`, `""`)+`"`)
		delete(names, table)
	}
	for _, of := range tables.Missing {
		switch {
		case !names[of.Table]:
			all = append(append(all, tableStatements(d, of)...), d.RegisterTable(of))
		case firstRelease[of.Table] != "":
			all = append(all, upgradeTable(d, of)...)
		default:
			return nil, foreign(of.Table)
		}
	}
	return append(all, shTimings), nil
}

// firstRelease has the tables of the first release, and for each of them the expression for
// the column final.
var firstRelease = map[string]string{
	"runs": "0", "jobs": "o.finished_at_ms IS NOT NULL", "sh_events": "o.finished_at_ms IS NOT NULL",
	"timings": "j.finished_at_ms IS NOT NULL", "diagnostics": "1",
}

// upgradeTable replaces a table of the first release, and keeps its rows. They are of version
// 1 of the projection, unless the store has none.
func upgradeTable(d *sqlstore.Dialect, of *projections.Definition) []string {
	old := fmt.Sprintf("%q", "quire_project_first_"+of.Table)
	all := []string{
		"DROP VIEW IF EXISTS sh_timings",
		"DROP INDEX IF EXISTS quire_project_runs_newest",
		"DROP INDEX IF EXISTS quire_project_jobs_active",
		"DROP INDEX IF EXISTS quire_project_sh_events_open",
		fmt.Sprintf("DROP TRIGGER IF EXISTS quire_project_%s_updated", of.Table),
		fmt.Sprintf("DROP TRIGGER IF EXISTS quire_project_%s_deleted", of.Table),
		fmt.Sprintf("ALTER TABLE %q RENAME TO %s", of.Table, old),
	}
	all = append(append(all, tableStatements(d, of)...), d.RegisterTable(of), d.RegisterVersion(of, 1))
	var columns, values []string
	for _, c := range of.Columns {
		columns, values = append(columns, fmt.Sprintf("%q", c.Name)), append(values, fmt.Sprintf("o.%q", c.Name))
	}
	from, position := old+" AS o", "o.position"
	switch of.Table {
	case "runs":
		position = "1"
	case "timings":
		from, position = from+" JOIN jobs AS j ON j.run_id = o.run_id AND j.job_id = o.job_id", "j.position"
	}
	return append(all,
		fmt.Sprintf("INSERT INTO %q (run_id, %s, position, final) SELECT o.run_id, %s, %s, %s FROM %s",
			of.Table, strings.Join(columns, ", "), strings.Join(values, ", "), position, firstRelease[of.Table], from),
		"DROP TABLE "+old,
		fmt.Sprintf("UPDATE quire_project_projections SET version = EXISTS (SELECT 1 FROM checkpoints) WHERE name = '%s'", of.Name))
}
