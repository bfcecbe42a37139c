package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/quire-ci/quire-project/projections/store"
)

// schemaTable is where goose keeps which migrations have been run. It tells
// tables of ours from somebody else's.
const schemaTable = "quire_project_schema"

// taken are the names that the tables and views of a store have.
var taken = []string{"runs", "jobs", "sh_events", "timings", "sh_timings", "diagnostics", "checkpoints", "held_segments", "quarantined_runs", "quire_project_store"}

// inspect returns the version of the store's tables; 0 if there are none. It
// changes nothing.
func inspect(ctx context.Context, db *sql.DB) (version int64, err error) {
	names, err := namesIn(ctx, db)
	if err != nil {
		return 0, err
	}
	if names[schemaTable] {
		if version, err = versionIn(ctx, db); err != nil {
			return 0, err
		}
	}
	if version > latest {
		return 0, fmt.Errorf("%w (its tables have version %d, this program knows %d)", store.ErrNewerSchema, version, latest)
	}
	for _, name := range taken {
		if version == 0 && names[name] {
			return 0, foreign(name)
		}
	}
	return version, nil
}

// versionIn returns the newest migration that the database has seen. Two
// programs that make a store at the same time find 0, or none, for a moment.
func versionIn(ctx context.Context, db *sql.DB) (version int64, err error) {
	var ours bool
	const isOurs = `SELECT count(*) = 1 FROM pragma_table_info('` + schemaTable + `') WHERE name = 'version_id'`
	if err := db.QueryRowContext(ctx, isOurs).Scan(&ours); err != nil {
		return 0, err
	}
	if !ours {
		return 0, foreign(schemaTable)
	}
	err = db.QueryRowContext(ctx, `SELECT coalesce(max(version_id), 0) FROM `+schemaTable).Scan(&version)
	return version, err
}

func foreign(name string) error {
	return fmt.Errorf("%w: %s is not this program's; name another database", store.ErrForeign, name)
}

// namesIn returns which of the names that matter are in use.
func namesIn(ctx context.Context, db *sql.DB) (map[string]bool, error) {
	query := `SELECT lower(name) FROM sqlite_schema WHERE lower(name) IN ('` + schemaTable + `', '` + strings.Join(taken, `', '`) + `')`
	rows, err := db.QueryContext(ctx, query)
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
		names[name] = true
	}
	return names, rows.Err()
}
