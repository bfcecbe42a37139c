package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

//go:embed migrations/*.sql
var embedded embed.FS

// latest is the version of the newest migration.
const latest = 4

// migrationTimeout is for how long migrating waits for others.
const migrationTimeout = 10 * time.Second

// migrate brings the tables up to the latest version, and makes those of projections.
func migrate(ctx context.Context, db *sql.DB, set *projections.Set, remake bool) error {
	err := patiently(ctx, migrationTimeout, func() error { return migrateBeside(ctx, db, set) })
	if err == nil {
		err = patiently(ctx, migrationTimeout, func() error { return makeTables(ctx, db, set, remake) })
	}
	return err
}

// migrateBeside does so beside others that may be at it at the same time: an
// error counts only if nobody has got further.
func migrateBeside(ctx context.Context, db *sql.DB, set *projections.Set) error {
	version, err := inspect(ctx, db, set)
	for err == nil && version < latest {
		before, failed := version, up(ctx, db)
		if version, err = inspect(ctx, db, set); err == nil && version == before {
			return failed
		}
	}
	return err
}

// patiently does something again for as long as somebody else locks the
// database. SQLite waits by itself, but not where that could be in vain.
func patiently(ctx context.Context, timeout time.Duration, do func() error) error {
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
	files, err := fs.Sub(embedded, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files,
		goose.WithTableName(schemaTable), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}
