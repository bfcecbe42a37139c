package sqlite

import (
	"context"
	"database/sql"
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/quire-ci/quire-project/adapters/internal/sqlread"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

//go:embed sh_timings.sql
var shTimings string

// types are those of columns.
var types = map[projections.Type]string{projections.Text: "TEXT", projections.Int: "INTEGER", projections.Bool: "INTEGER"}

// tableStatements make the table of a projection, its indexes, and the triggers that make
// a run's checkpoint void when somebody changes or removes rows by hand, so that they are
// derived again. The store writes the checkpoint last. An insert has no trigger, which
// each row would pay for; verify finds rows that do not belong.
func tableStatements(of *projections.Definition) []string {
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
		fmt.Sprintf("CREATE TABLE %q (\n  %s\n) STRICT, WITHOUT ROWID", of.Table, strings.Join(columns, ",\n  ")),
		fmt.Sprintf("CREATE TRIGGER quire_project_%[1]s_changed AFTER UPDATE ON %[1]q\nBEGIN DELETE FROM checkpoints WHERE run_id IN (OLD.run_id, NEW.run_id); END", of.Table),
		fmt.Sprintf("CREATE TRIGGER quire_project_%[1]s_removed AFTER DELETE ON %[1]q\nBEGIN DELETE FROM checkpoints WHERE run_id = OLD.run_id; END", of.Table),
	}
	for _, index := range of.Indexes {
		statement := fmt.Sprintf("CREATE INDEX quire_project_%s_by_%s ON %q (%s)", of.Table, index.Name, of.Table, index.Columns)
		if index.Where != "" {
			statement += " WHERE " + index.Where
		}
		statements = append(statements, statement)
	}
	return statements
}

// makeTables makes the tables of projections that there are none of, and drops those that
// were made for other columns, if that is asked for, to make them anew. It is of no effect
// where it has an error.
func makeTables(ctx context.Context, db *sql.DB, set *projections.Set, remake bool) error {
	session, err := newSession(ctx, db)
	if err != nil {
		return err
	}
	defer session.close()
	missing, _, err := (&sqlread.Dialect{Set: set}).Tables(ctx, session.conn, remake)
	if err != nil || len(missing) == 0 {
		return err
	}
	if err := session.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	// Somebody else may have been faster, or be at it: what is there is looked at here only.
	todo, err := lookAtTables(ctx, session.conn, set, remake)
	if err == nil {
		err = execAll(ctx, session, todo)
	}
	if err == nil {
		err = session.exec(ctx, "COMMIT")
	}
	if err != nil {
		session.rollback(ctx)
	}
	return err
}

// isMade reports what a database lacks that cannot be written.
func isMade(ctx context.Context, db *sql.DB, set *projections.Set) error {
	version, err := inspect(ctx, db, set)
	var missing []*projections.Definition
	if err == nil && version == latest {
		missing, _, err = (&sqlread.Dialect{Set: set}).Tables(ctx, db, false)
	}
	if err == nil && (version < latest || len(missing) > 0) {
		err = fmt.Errorf("%w, and lacks tables that this program reads; open it once where it can be written", store.ErrReadOnly)
	}
	return err
}

// todo is a statement with its arguments.
type todo struct {
	query string
	args  []any
}

func execAll(ctx context.Context, session *session, all []todo) error {
	for _, s := range all {
		if err := session.exec(ctx, s.query, s.args...); err != nil {
			return err
		}
	}
	return nil
}

// lookAtTables returns what has to be done so that each projection has its table.
func lookAtTables(ctx context.Context, conn *sql.Conn, set *projections.Set, remake bool) (all []todo, err error) {
	missing, drop, err := (&sqlread.Dialect{Set: set}).Tables(ctx, conn, remake)
	if err != nil || len(missing) == 0 {
		return nil, err
	}
	names, err := namesIn(ctx, conn, set)
	if err != nil {
		return nil, err
	}
	for _, table := range drop {
		all = append(all, todo{query: `DROP TABLE IF EXISTS "` + strings.ReplaceAll(table, `"`, `""`) + `"`})
		delete(names, table)
	}
	for _, of := range missing {
		switch {
		case !names[of.Table]:
			all = append(all, makeTable(of)...)
		case firstRelease[of.Table] != "":
			all = append(append(append(all, setAside(of.Table)...), makeTable(of)...), bringOver(of)...)
		default:
			return nil, foreign(of.Table)
		}
	}
	return append(all, todo{query: shTimings}), nil
}

// makeTable makes a table, and registers for which columns. Where an older version had
// rows in it, that one is not to take it for its own any more: the checkpoints of its runs
// name rows that are gone.
func makeTable(of *projections.Definition) (all []todo) {
	for _, statement := range tableStatements(of) {
		all = append(all, todo{query: statement})
	}
	return append(all, todo{
		`INSERT INTO quire_project_projections (name, version, columns) VALUES (?1, 0, ?2) ON CONFLICT (name) DO UPDATE SET version = CASE version WHEN 0 THEN 0 ELSE ?3 END, columns = excluded.columns`,
		[]any{of.Name, of.Describe(), of.Version},
	})
}

// firstRelease has the tables that the first release made, and what in them says that a
// row is final.
var firstRelease = map[string]string{
	"runs": "0", "jobs": "o.finished_at_ms IS NOT NULL", "sh_events": "o.finished_at_ms IS NOT NULL",
	"timings": "j.finished_at_ms IS NOT NULL", "diagnostics": "1",
}

const asideName = "quire_project_first_"

// setAside gives a table of the first release another name, and drops what hangs on it.
func setAside(table string) []todo {
	all := []todo{{query: "DROP VIEW IF EXISTS sh_timings"}}
	for _, index := range []string{"runs_newest", "jobs_active", "sh_events_open"} {
		all = append(all, todo{query: "DROP INDEX IF EXISTS quire_project_" + index})
	}
	for _, trigger := range []string{"updated", "deleted"} {
		all = append(all, todo{query: fmt.Sprintf("DROP TRIGGER IF EXISTS quire_project_%s_%s", table, trigger)})
	}
	return append(all, todo{query: fmt.Sprintf("ALTER TABLE %q RENAME TO %q", table, asideName+table)})
}

// bringOver copies the rows of a table of the first release into the one of now. They are
// those of an older version, until they are derived again.
func bringOver(of *projections.Definition) []todo {
	var columns, values []string
	for _, c := range of.Columns {
		columns, values = append(columns, fmt.Sprintf("%q", c.Name)), append(values, fmt.Sprintf("o.%q", c.Name))
	}
	from, position := fmt.Sprintf("%q AS o", asideName+of.Table), "o.position"
	switch of.Table {
	case "runs":
		position = "1"
	case "timings":
		from, position = from+" JOIN jobs AS j ON j.run_id = o.run_id AND j.job_id = o.job_id", "j.position"
	}
	return []todo{
		{query: fmt.Sprintf("INSERT INTO %q (run_id, %s, position, final) SELECT o.run_id, %s, %s, %s FROM %s",
			of.Table, strings.Join(columns, ", "), strings.Join(values, ", "), position, firstRelease[of.Table], from)},
		{query: fmt.Sprintf("DROP TABLE %q", asideName+of.Table)},
	}
}

// namesIn returns which of the names that matter are in use.
func namesIn(ctx context.Context, q sqlread.Querier, set *projections.Set) (map[string]bool, error) {
	wanted := append([]string{schemaTable}, fixed...)
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
