package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/quire-ci/quire-project/adapters/internal/sqlstore"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

var _ store.Versioned = (*Store)(nil)

// beside is a generation that is not live.
type beside struct {
	*Store
	number int
}

func (s *Store) beside(number int, within *session) *beside {
	b := &beside{s.store(s.dialect.Set, sqlstore.Prefix(number)), number}
	b.within = within
	return b
}

// Number returns the generation's number.
func (b *beside) Number() int { return b.number }

// Beside returns a generation that is not live.
func (s *Store) Beside(ctx context.Context, number int) (store.Beside, error) {
	if _, err := s.reader.NotLive(ctx, number); err != nil {
		return nil, err
	}
	return s.beside(number, nil), nil
}

// Next returns the generation that is being built, and creates it if there is none.
func (s *Store) Next(ctx context.Context) (store.Beside, error) {
	number, err := s.generations.Next(ctx)
	if err != nil {
		return nil, err
	}
	return s.beside(number, nil), nil
}

// Leniently returns the live generation for comparing it.
func (s *Store) Leniently(ctx context.Context) (_ store.Store, lacks, more map[*projections.Definition][]string, err error) {
	lenient := *s
	lenient.dialect, lacks, more, err = s.reader.Leniently(ctx)
	return &lenient, lacks, more, err
}

// The tables of a generation besides those of projections.
var makeFixed = []string{
	`CREATE TABLE {checkpoints} (
  run_id          TEXT    NOT NULL,
  bytes           INTEGER NOT NULL,
  lines           INTEGER NOT NULL,
  events          INTEGER NOT NULL,
  sha256          TEXT    NOT NULL,
  end_bytes       INTEGER NOT NULL,
  end_lines       INTEGER NOT NULL,
  end_sha256      TEXT    NOT NULL,
  read_options    TEXT    NOT NULL,
  source          TEXT    NOT NULL,
  updated_at      TEXT    NOT NULL,
  state           TEXT    NOT NULL DEFAULT '',
  projections     TEXT    NOT NULL DEFAULT '',
  PRIMARY KEY (run_id)
) STRICT, WITHOUT ROWID`,
	`CREATE TABLE {quire_project_projections} (
  name     TEXT    NOT NULL,
  version  INTEGER NOT NULL,
  columns  TEXT    NOT NULL,
  PRIMARY KEY (name)
) STRICT`,
}

// The triggers that record which runs change in the live generation. They delete the entry that
// they replace, because the conflict clause of the statement that fires a trigger overrides that of
// the trigger.
const (
	dropNotes = `DROP TRIGGER IF EXISTS quire_project_note_set;
DROP TRIGGER IF EXISTS quire_project_note_changed;
DROP TRIGGER IF EXISTS quire_project_note_removed`
	note = `DELETE FROM quire_project_changes WHERE run_id = %[1]s.run_id; INSERT INTO quire_project_changes (run_id) VALUES (%[1]s.run_id);`
)

// noteChanges are the statements that start recording changes.
var noteChanges = []string{
	dropNotes,
	`DELETE FROM quire_project_changes`,
	`CREATE TRIGGER quire_project_note_set AFTER INSERT ON checkpoints BEGIN ` + fmt.Sprintf(note, "NEW") + ` END`,
	`CREATE TRIGGER quire_project_note_changed AFTER UPDATE ON checkpoints BEGIN ` + fmt.Sprintf(note, "OLD") + fmt.Sprintf(note, "NEW") + ` END`,
	`CREATE TRIGGER quire_project_note_removed AFTER DELETE ON checkpoints BEGIN ` + fmt.Sprintf(note, "OLD") + ` END`,
}

// change lets do change the generations, in one transaction.
func (s *Store) change(ctx context.Context, what string, do func(*session) error) (err error) {
	session, err := s.acquire(ctx)
	if err != nil {
		return err
	}
	defer s.release(session, false) // its statements are of other tables now
	defer func() {
		if err != nil {
			session.rollback(ctx, whole)
		}
	}()
	if err := session.begin(ctx, whole); err != nil {
		return s.fail(what, err)
	}
	s.files.openLog()
	if err = do(session); err == nil {
		err = session.exec(context.WithoutCancel(ctx), whole.commit)
	}
	return s.inPlace(what, s.fail(what, err))
}

// QueryContext runs a query in the transaction.
func (s *session) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return s.conn.QueryContext(ctx, query, args...)
}

// Exec runs statements.
func (s *session) Exec(ctx context.Context, statements ...string) error {
	for _, statement := range statements {
		if err := s.exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// Carry replaces rows of runs by the live ones.
func (b *beside) Carry(ctx context.Context, runs []domain.RunID) error {
	return b.inPlace("write", b.update(ctx, func(begun store.Tx) error {
		t := begun.(*tx)
		statements, err := sqlstore.NewReader(b.dialect, t.session).Carry(ctx, runs)
		if err != nil {
			return err
		}
		return t.exec("carry runs over", statements...)
	}))
}

// Changes returns the runs that have changed in the live generation.
func (b *beside) Changes(ctx context.Context, limit int) ([]store.Change, error) {
	return b.reader.Changes(ctx, limit)
}

// Forget removes changes.
func (b *beside) Forget(ctx context.Context, changes []store.Change) error {
	return b.inPlace("write", b.update(ctx, func(begun store.Tx) error {
		var all []sqlstore.Statement
		for _, change := range changes {
			all = append(all, sqlstore.Statement{Query: `DELETE FROM quire_project_changes WHERE id = ?1`, Args: []any{change.ID}})
		}
		return begun.(*tx).exec("note the changes", all...)
	}))
}

// Complete notes that the generation has every run.
func (b *beside) Complete(ctx context.Context) error { return b.generations.Complete(ctx, b.number) }

// Switch makes a generation the live one.
func (s *Store) Switch(ctx context.Context, number int, keep bool, last func(store.Beside) error) error {
	return s.change(ctx, "switch to other rows", func(session *session) error {
		have, err := readSchema(ctx, session)
		if err != nil {
			return err
		}
		swap, err := sqlstore.NewReader(s.dialect, session).Swap(ctx, number)
		if err != nil {
			return err
		}
		if err := last(s.beside(number, session)); err != nil {
			return err
		}
		drop, make := have.references(swap)
		all := append([]string{dropNotes}, drop...)
		all = append(append(append(all, swap.Statements(keep)...), make...), shTimings)
		if keep {
			all = append(all, noteChanges...)
		}
		return session.Exec(ctx, all...)
	})
}

// Drop drops generations, and the remains of others.
func (s *Store) Drop(ctx context.Context, numbers ...int) error {
	return s.generations.Drop(ctx, numbers...)
}

func (s *Store) dropTable(ctx context.Context, table string) error {
	return s.change(ctx, "drop rows", func(session *session) error {
		return session.exec(ctx, fmt.Sprintf(`DROP TABLE IF EXISTS %q`, table))
	})
}

// object is an entry of the schema.
type object struct{ kind, name, table, sql string }

type schema []object

func readSchema(ctx context.Context, session *session) (all schema, err error) {
	rows, err := session.conn.QueryContext(ctx, `SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var o object
		if err := rows.Scan(&o.kind, &o.name, &o.table, &o.sql); err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	return all, rows.Err()
}

// references returns the statements that drop, and make again, the views and the triggers that name
// tables whose names another table gets: renaming a table changes the references to it. Our own
// triggers of those tables go with them.
func (s schema) references(swap sqlstore.Swap) (drop, make []string) {
	moves := map[string]bool{}
	for _, table := range swap.Aside {
		moves[table] = true
	}
	for _, o := range s {
		ours := strings.HasPrefix(o.name, "quire_project_")
		switch {
		case o.kind == "view":
			drop = append(drop, fmt.Sprintf(`DROP VIEW %q`, o.name))
		case o.kind == "trigger" && sqlstore.NumberIn(o.table) == 0 && !(ours && moves[o.table]):
			drop = append(drop, fmt.Sprintf(`DROP TRIGGER %q`, o.name))
		default:
			continue
		}
		if o.name != "sh_timings" {
			make = append(make, o.sql)
		}
	}
	return drop, make
}
