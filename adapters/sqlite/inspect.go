package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"

	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// schemaTable is where goose keeps which migrations have been run. It tells
// tables of ours from somebody else's.
const schemaTable = "quire_project_schema"

// fixed are the names of the tables and views that a store has, whatever its projections.
var fixed = []string{"sh_timings", "checkpoints", "held_segments", "quarantined_runs", "quire_project_store", "quire_project_projections"}

// inspect returns the version of the store's tables; 0 if there are none. It
// changes nothing.
func inspect(ctx context.Context, db *sql.DB, set *projections.Set) (version int64, err error) {
	names, err := namesIn(ctx, db, set)
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
	delete(names, schemaTable)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if version == 0 {
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
