package sqlread

import (
	"context"
	"strings"

	"github.com/quire-ci/quire-project/domain"
)

// tables are those whose rows belong to a run. Somebody may have deleted any
// of them.
var tables = []string{"checkpoints", "runs", "jobs", "sh_events", "timings", "diagnostics"}

// selectRunIDs goes from one run to the next by the tables' keys, which begin
// with the run's id: a run may have a million rows, of which it reads one.
var selectRunIDs = `WITH RECURSIVE ids(run_id) AS (
SELECT ` + nextRunID("?1") + `
UNION ALL
SELECT ` + nextRunID("ids.run_id") + ` FROM ids WHERE ids.run_id IS NOT NULL
)
SELECT run_id FROM (SELECT run_id FROM ids WHERE run_id IS NOT NULL LIMIT ?2) AS behind ORDER BY run_id`

func nextRunID(after string) string {
	selects := make([]string, len(tables))
	for i, table := range tables {
		selects[i] = "SELECT min(run_id) AS run_id FROM " + table + " WHERE run_id > " + after
	}
	return "(SELECT min(run_id) FROM (" + strings.Join(selects, " UNION ALL ") + ") AS next)"
}

// RunIDs returns the first limit runs behind after that have a row in any
// table, in the order of their bytes.
func (d *Dialect) RunIDs(ctx context.Context, q Querier, after domain.RunID, limit int) ([]domain.RunID, error) {
	columns := func(d *Dialect, run *domain.RunID) []any { return []any{text[domain.RunID]{d, run}} }
	return all(each(d, "the ids of the runs", columns, func() (Rows, error) {
		return d.query(ctx, q, selectRunIDs, d.encode(string(after)), int64(limit))
	}))
}

// selectOlder finds runs by the version of the reducers that their rows are of.
const selectOlder = `SELECT run_id FROM checkpoints WHERE reducers < ?1 AND run_id > ?2 ORDER BY run_id LIMIT ?3`

// Older returns the first limit runs behind after whose rows are of reducers below a
// version.
func (d *Dialect) Older(ctx context.Context, q Querier, reducers int, after domain.RunID, limit int) ([]domain.RunID, error) {
	columns := func(d *Dialect, run *domain.RunID) []any { return []any{text[domain.RunID]{d, run}} }
	return all(each(d, "the runs of older reducers", columns, func() (Rows, error) {
		return d.query(ctx, q, selectOlder, int64(reducers), d.encode(string(after)), int64(limit))
	}))
}
