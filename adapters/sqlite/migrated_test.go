package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/pressly/goose/v3"

	"github.com/quire-ci/quire-project/adapters/storetest"
	"github.com/quire-ci/quire-project/projections/store"
)

func TestMigratedMeanwhile(t *testing.T) {
	storetest.Migrated(t, func(t *testing.T) (s store.Versioned, migrate func(string), content func() string) {
		path := filepath.Join(t.TempDir(), "quire.db")
		migrate = func(table string) {
			execute(t, path, `INSERT INTO quire_project_schema (version_id, is_applied) VALUES (99, 1)`)
			if table != "" {
				execute(t, path, `ALTER TABLE `+table+` RENAME TO renamed`)
			}
		}
		watch := other(t, path)
		content = func() (version string) {
			if err := watch.QueryRow(`PRAGMA data_version`).Scan(&version); err != nil { // another one after each commit
				t.Fatal(err)
			}
			return version
		}
		return open(t, path), migrate, content
	})
}

func TestEarlierVersions(t *testing.T) {
	storetest.Earlier(t, goose.DialectSQLite3, func(t *testing.T) (*sql.DB, func() store.Versioned) {
		path := filepath.Join(t.TempDir(), "quire.db")
		return other(t, path), func() store.Versioned { return open(t, path) }
	})
}
