package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

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

func (s *Store) beside(number int, within *changing) *beside {
	own, d := *s, *s.dialect
	own.within, d.Prefix, d.Other = within, sqlstore.Prefix(number), nil
	db := sqlstore.Querier(s.db)
	if within != nil {
		db = within.conn
	}
	own.use(&d, db)
	return &beside{&own, number}
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

// changing is a transaction that changes the generations.
type changing struct {
	conn *sql.Conn
	tx   pgx.Tx
}

// How long a change of the generations waits for a lock, and how long it pauses before it retries.
// Other transactions queue behind a waiting one. After a second, the server checks for deadlocks
// and could end another transaction, so this one gives up before that.
const (
	lockTimeout  = `; SET LOCAL lock_timeout = '500ms'`
	minLockPause = 50 * time.Millisecond
	maxLockPause = 2 * time.Second
)

// change lets do change the generations in one transaction, one program at a time. It tries again
// while others keep it from locking tables: a transaction that reads for a long time delays it.
func (s *Store) change(ctx context.Context, what string, do func(*changing) error) error {
	if err := s.whenFree(ctx, do); err != nil {
		return fmt.Errorf("%s: %w", what, explainWrite(err))
	}
	return nil
}

func (s *Store) whenFree(ctx context.Context, do func(*changing) error) error {
	for pause := minLockPause; ; pause = min(2*pause, maxLockPause) {
		err := s.tryChange(ctx, do)
		if !isBlocked(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// isBlocked reports whether a transaction has failed because of the locks of another.
func isBlocked(err error) bool {
	var said *pgconn.PgError
	return errors.As(err, &said) && (said.Code == "55P03" || said.Code == "40P01") // lock_not_available, deadlock_detected
}

func (s *Store) tryChange(ctx context.Context, do func(*changing) error) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	var own *pgx.Conn
	if err := conn.Raw(func(driver any) error { own = driver.(*stdlib.Conn).Conn(); return nil }); err != nil {
		return err
	}
	tx, err := own.BeginTx(ctx, pgx.TxOptions{BeginQuery: s.begin + lockTimeout})
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTime)
		defer cancel()
		_ = tx.Rollback(ctx) // no effect after a commit
	}()
	c := &changing{conn, tx}
	// The lock is that of a run without an id, which cannot exist.
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, lockKeys(s.schema, []domain.RunID{""})[0]); err != nil {
		return err
	}
	var version int64
	if err := tx.QueryRow(ctx, sqlstore.SelectSchema).Scan(&version); err != nil {
		return err
	}
	if err := sqlstore.CheckSchema(version, s.known); err != nil {
		return err
	}
	if err := do(c); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

// Exec runs statements.
func (c *changing) Exec(ctx context.Context, statements ...string) error {
	if len(statements) == 0 {
		return nil
	}
	_, err := c.tx.Exec(ctx, strings.Join(statements, ";\n"), pgx.QueryExecModeSimpleProtocol)
	return err
}

// QueryContext runs a query in the transaction.
func (c *changing) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return querier{c.conn}.QueryContext(ctx, query, args...)
}

// Next returns the generation that is being built, and creates it if there is none.
func (s *Store) Next(ctx context.Context) (store.Beside, error) {
	number, err := s.generations().Next(ctx)
	if err != nil {
		return nil, err
	}
	return s.beside(number, nil), nil
}

// generations returns what changes the generations.
func (s *Store) generations() sqlstore.Generations {
	return sqlstore.Generations{Reader: s.reader, DropTable: s.dropTable, Change: func(ctx context.Context, what string, do func(sqlstore.Changing) error) error {
		return s.change(ctx, what, func(c *changing) error { return do(c) })
	}}
}

// Leniently returns the live generation for comparing it.
func (s *Store) Leniently(ctx context.Context) (_ store.Store, lacks, more map[*projections.Definition][]string, err error) {
	lenient := *s
	lenient.dialect, lacks, more, err = s.reader.Leniently(ctx)
	return &lenient, lacks, more, err
}

// makeFixed make the tables of a generation besides those of projections.
var makeFixed = []string{
	`CREATE TABLE {checkpoints} (LIKE checkpoints INCLUDING DEFAULTS, PRIMARY KEY (run_id))`,
	`CREATE TABLE {quire_project_projections} (LIKE quire_project_projections INCLUDING DEFAULTS, PRIMARY KEY (name))`,
}

const dropNotes = `DROP TRIGGER IF EXISTS quire_project_note ON checkpoints`

// noteChanges are the statements that start recording changes of the live generation.
var noteChanges = []string{
	dropNotes,
	`DELETE FROM quire_project_changes`,
	`CREATE TRIGGER quire_project_note AFTER INSERT OR UPDATE OR DELETE ON checkpoints FOR EACH ROW EXECUTE FUNCTION quire_project_note_change()`,
}

// Carry replaces rows of runs by the live ones.
func (b *beside) Carry(ctx context.Context, runs []domain.RunID) error {
	if len(runs) == 0 {
		return nil
	}
	return b.Update(ctx, func(begun store.Tx) error {
		t := begun.(*tx)
		if b.within == nil { // the rows and the checkpoint must be of the same moment
			var batch pgx.Batch
			batch.Queue(lockRuns, lockKeys(b.schema, runs))
			if err := t.send(&batch); err != nil {
				return explainWrite(err)
			}
		}
		if _, err := t.Lock(runs); err != nil {
			return err
		}
		statements, err := b.reader.Carry(ctx, runs)
		if err != nil {
			return err
		}
		return t.exec("carry runs over", statements...)
	})
}

// Same returns which rows of runs equal those of the live generation. The settings make PostgreSQL
// look them up by indexes.
func (b *beside) Same(ctx context.Context, runs []domain.RunID) (map[domain.RunID][]*projections.Definition, error) {
	tx, err := b.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, b.explain(err)
	}
	defer tx.Rollback() // it only reads
	if _, err := tx.ExecContext(ctx, pagePlans); err != nil {
		return nil, b.explain(err)
	}
	return sqlstore.NewReader(b.dialect, tx).Same(ctx, runs)
}

// Changes returns the runs that have changed in the live generation.
func (b *beside) Changes(ctx context.Context, limit int) ([]store.Change, error) {
	return b.reader.Changes(ctx, limit)
}

// forget leaves a row that somebody changes at the moment: it gets another id.
const forget = `DELETE FROM quire_project_changes WHERE id IN (SELECT id FROM quire_project_changes WHERE id = ANY ($1) FOR UPDATE SKIP LOCKED)`

// Forget removes changes.
func (b *beside) Forget(ctx context.Context, changes []store.Change) error {
	ids := make([]int64, len(changes))
	for i, change := range changes {
		ids[i] = change.ID
	}
	return b.Update(ctx, func(begun store.Tx) error {
		return begun.(*tx).exec("note the changes", sqlstore.Statement{Query: forget, Args: []any{ids}})
	})
}

// Complete notes that the generation has every run.
func (b *beside) Complete(ctx context.Context) error { return b.generations().Complete(ctx, b.number) }

// Switch makes a generation the live one. It locks the tables of both: the checkpoints first, as
// every transaction of a store does.
func (s *Store) Switch(ctx context.Context, number int, keep bool, last func(store.Beside) error) error {
	return s.change(ctx, "switch to other rows", func(c *changing) error {
		if err := c.Exec(ctx, `LOCK TABLE checkpoints IN ACCESS EXCLUSIVE MODE`); err != nil {
			return err
		}
		swap, err := sqlstore.NewReader(s.dialect, c).Swap(ctx, number)
		if err != nil {
			return err
		}
		var lock []string
		for _, table := range swap.Aside {
			lock = append(lock, pgx.Identifier{table}.Sanitize())
		}
		for _, table := range swap.Into {
			lock = append(lock, pgx.Identifier{sqlstore.Prefix(number) + table}.Sanitize())
		}
		if err := c.Exec(ctx, `LOCK TABLE `+strings.Join(lock, ", ")+` IN ACCESS EXCLUSIVE MODE`); err != nil {
			return err
		}
		if err := last(s.beside(number, c)); err != nil {
			return err
		}
		rights, err := s.rights(ctx, c, swap)
		if err != nil {
			return err
		}
		all := slices.Concat([]string{dropNotes}, rights, swap.Statements(keep), []string{shTimings})
		if keep {
			all = append(all, noteChanges...)
		}
		return c.Exec(ctx, all...)
	})
}

// selectRights has the statements that give a table the rights that people have to another one,
// and its owner.
const selectRights = `SELECT format('GRANT %s ON %I.%I TO %s%s', a.privilege_type, n.nspname, $3::text,
  CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END, CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace, aclexplode(c.relacl) AS a
WHERE n.nspname = $1 AND c.relname = $2 AND a.grantee <> c.relowner
UNION ALL SELECT format('ALTER TABLE %I.%I OWNER TO %I', n.nspname, $3::text, pg_get_userbyid(c.relowner))
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2 AND c.relowner <> current_user::regrole`

// rights returns the statements that give the tables of a generation the rights to those whose place
// they take.
func (s *Store) rights(ctx context.Context, c *changing, swap sqlstore.Swap) (all []string, err error) {
	for _, table := range swap.Into {
		rows, err := c.tx.Query(ctx, selectRights, s.schema, swap.Was[table], sqlstore.Prefix(swap.Next)+table)
		if err != nil {
			return nil, err
		}
		statements, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return nil, err
		}
		all = append(all, statements...)
	}
	return all, nil
}

// Drop drops generations, and the remains of others. It keeps a table that a user's view needs, or
// that somebody is reading.
func (s *Store) Drop(ctx context.Context, numbers ...int) error {
	return s.generations().Drop(ctx, numbers...)
}

func (s *Store) dropTable(ctx context.Context, table string) error {
	err := s.tryChange(ctx, func(c *changing) error { return c.Exec(ctx, s.drop("TABLE", table)) })
	var said *pgconn.PgError
	if isBlocked(err) || errors.As(err, &said) && said.Code == "2BP01" { // dependent_objects_still_exist
		return nil
	}
	if err != nil {
		err = fmt.Errorf("drop rows: %w", explainWrite(err))
	}
	return err
}
