package postgres_test

import (
	stdsql "database/sql"
	"testing"

	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
	"github.com/quire-ci/quire-project/adapters/storetest"
	"github.com/quire-ci/quire-project/projections/store"
)

func TestMigratedMeanwhile(t *testing.T) {
	storetest.Migrated(t, func(t *testing.T) (s store.Versioned, migrate func(string), content func() string) {
		address := pgtest.Shared(t).NewDatabase(t)
		migrate = func(table string) {
			sql(t, address, `INSERT INTO quire_project_schema (version_id, is_applied) VALUES (99, true)`)
			if table != "" {
				sql(t, address, `ALTER TABLE `+table+` RENAME TO renamed`)
			}
		}
		content = func() string {
			return value[string](t, address, `SELECT string_agg(relname || query_to_xml('TABLE ' || quote_ident(relname), true, true, '')::text, '' ORDER BY relname)
FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'`)
		}
		return open(t, address), migrate, content
	})
}

func TestEarlierVersions(t *testing.T) {
	storetest.Earlier(t, goose.DialectPostgres, func(t *testing.T) (*stdsql.DB, func() store.Versioned) {
		address := pgtest.Shared(t).NewDatabase(t)
		db, err := stdsql.Open("pgx", address)
		require.NoError(t, err)
		t.Cleanup(func() { db.Close() })
		return db, func() store.Versioned { return open(t, address) }
	})
}
