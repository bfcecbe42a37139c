package sqlstore

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// selectRunIDs goes from one run to the next by the tables' keys, which begin with the
// run's id: it reads one row of each run, even if the run has a million. It reads every
// table, because rows may have been deleted by hand from any of them.
const selectRunIDs = `WITH RECURSIVE ids(run_id) AS (
SELECT %s
UNION ALL
SELECT %s FROM ids WHERE ids.run_id IS NOT NULL
)
SELECT run_id FROM (SELECT run_id FROM ids WHERE run_id IS NOT NULL LIMIT ?2) AS behind ORDER BY run_id`

func nextRunID(tables []string, after string) string {
	selects := make([]string, len(tables))
	for i, table := range tables {
		selects[i] = fmt.Sprintf("SELECT min(run_id) AS run_id FROM %s WHERE run_id > %s", table, after)
	}
	return "(SELECT min(run_id) FROM (" + strings.Join(selects, " UNION ALL ") + ") AS next)"
}

// RunIDs returns the first limit runs after a run that have a row in any table, in the order
// of their bytes.
func (r Reader) RunIDs(ctx context.Context, after domain.RunID, limit int) ([]domain.RunID, error) {
	tables := []string{"{checkpoints}", "quire_project_streams"}
	for _, of := range r.dialect.Set.Stored() {
		if r.dialect.Other[of] == nil { // whose name may be another one, too
			tables = append(tables, "{"+of.Table+"}")
		}
	}
	query := fmt.Sprintf(selectRunIDs, nextRunID(tables, "?1"), nextRunID(tables, "ids.run_id"))
	return list(ctx, r, "the ids of the runs", oneText[domain.RunID], query, r.dialect.encode(string(after)), int64(limit))
}

func oneText[T ~string](d *Dialect, value *T) []any { return []any{text(d, value)} }

// selectProjections goes from one value to the next by the index: many checkpoints share
// few values.
const selectProjections = `WITH RECURSIVE ids(id) AS (
SELECT min(projections) FROM {checkpoints}
UNION ALL
SELECT (SELECT min(projections) FROM {checkpoints} WHERE projections > ids.id) FROM ids WHERE ids.id IS NOT NULL
)
SELECT id FROM ids WHERE id IS NOT NULL`

const selectOutdated = `SELECT run_id FROM {checkpoints} WHERE projections = ?1 AND run_id > ?2 ORDER BY run_id LIMIT ?3`

// Outdated returns the first limit runs after a run whose checkpoints lack a projection,
// or have another version of it.
func (r Reader) Outdated(ctx context.Context, after domain.RunID, limit int) ([]domain.RunID, error) {
	ids, err := list(ctx, r, "the versions of the rows", oneText[string], selectProjections)
	if err != nil {
		return nil, err
	}
	found := []domain.RunID{}
	for _, id := range ids {
		if len(projections.Missing(r.dialect.Set.Stored(), projections.Versions(id))) == 0 {
			continue
		}
		some, err := list(ctx, r, "the runs whose rows are outdated", oneText[domain.RunID], selectOutdated, r.dialect.encode(id), r.dialect.encode(string(after)), int64(limit))
		if err != nil {
			return nil, err
		}
		found = append(found, some...)
	}
	slices.Sort(found)
	return found[:min(len(found), limit)], nil
}
