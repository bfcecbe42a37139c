package sqlread

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// selectRunIDs goes from one run to the next by the tables' keys, which begin
// with the run's id: it reads one row of a run, even if the run has a million. It looks in
// every table, because somebody may have deleted rows from any of them.
const selectRunIDs = `WITH RECURSIVE ids(run_id) AS (
SELECT %s
UNION ALL
SELECT %s FROM ids WHERE ids.run_id IS NOT NULL
)
SELECT run_id FROM (SELECT run_id FROM ids WHERE run_id IS NOT NULL LIMIT ?2) AS behind ORDER BY run_id`

func nextRunID(tables []string, after string) string {
	selects := make([]string, len(tables))
	for i, table := range tables {
		selects[i] = fmt.Sprintf("SELECT min(run_id) AS run_id FROM %q WHERE run_id > %s", table, after)
	}
	return "(SELECT min(run_id) FROM (" + strings.Join(selects, " UNION ALL ") + ") AS next)"
}

func runIDColumns(d *Dialect, run *domain.RunID) []any { return []any{text[domain.RunID]{d, run}} }

// RunIDs returns the first limit runs behind after that have a row in any
// table, in the order of their bytes.
func (d *Dialect) RunIDs(ctx context.Context, q Querier, after domain.RunID, limit int) ([]domain.RunID, error) {
	tables := []string{"checkpoints"}
	for _, of := range d.Set.Stored() {
		tables = append(tables, of.Table)
	}
	query := fmt.Sprintf(selectRunIDs, nextRunID(tables, "?1"), nextRunID(tables, "ids.run_id"))
	return all(each(d, "the ids of the runs", runIDColumns, func() (Rows, error) {
		return d.query(ctx, q, query, d.encode(string(after)), int64(limit))
	}))
}

// selectProjections goes from one text to the next by the index: few texts name the
// projections of many checkpoints.
const selectProjections = `WITH RECURSIVE ids(id) AS (
SELECT min(projections) FROM checkpoints
UNION ALL
SELECT (SELECT min(projections) FROM checkpoints WHERE projections > ids.id) FROM ids WHERE ids.id IS NOT NULL
)
SELECT id FROM ids WHERE id IS NOT NULL`

// Outdated returns the first limit runs behind after whose checkpoints lack a projection,
// or have an older version of it.
func (d *Dialect) Outdated(ctx context.Context, q Querier, after domain.RunID, limit int) ([]domain.RunID, error) {
	columns := func(d *Dialect, id *string) []any { return []any{text[string]{d, id}} }
	ids, err := all(each(d, "the versions of the rows", columns, func() (Rows, error) {
		return d.query(ctx, q, selectProjections)
	}))
	if err != nil {
		return nil, err
	}
	ids = slices.DeleteFunc(ids, func(id string) bool {
		missing, err := projections.Missing(d.Set.Stored(), projections.Versions(id))
		return err != nil || len(missing) == 0
	})
	found := []domain.RunID{}
	for _, id := range ids {
		some, err := all(each(d, "the runs whose rows are outdated", runIDColumns, func() (Rows, error) {
			return d.query(ctx, q, `SELECT run_id FROM checkpoints WHERE projections = ?1 AND run_id > ?2 ORDER BY run_id LIMIT ?3`,
				d.encode(id), d.encode(string(after)), int64(limit))
		}))
		if err != nil {
			return nil, err
		}
		found = append(found, some...)
	}
	slices.Sort(found)
	return found[:min(len(found), limit)], nil
}
