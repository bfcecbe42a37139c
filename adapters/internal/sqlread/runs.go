package sqlread

import (
	"context"
	"fmt"
	"strings"

	"github.com/quire-ci/quire-project/projections/store"
)

// defaultLimit is how many runs a page has that does not say.
const defaultLimit = 50

// Runs returns a page of runs.
func (d *Dialect) Runs(ctx context.Context, q Querier, page store.Page) ([]store.Run, error) {
	parts, args := d.stretches(page.After)
	limit := page.Limit
	if limit == 0 {
		limit = defaultLimit
	}
	args = append(args, int64(limit))
	return runs(each(d, "the runs", runColumns, func() (Rows, error) {
		return d.query(ctx, q, pageQuery(parts, len(args)), args...)
	}))
}

// stretches returns the parts of the index of runs by time that lie behind a
// run, each as a condition and an order. An index can be read from where a
// part begins; it cannot for conditions that are joined by OR.
func (d *Dialect) stretches(after *store.Run) (parts []string, args []any) {
	const untimed = `started_at_ms IS NULL ORDER BY run_id`
	switch {
	case after == nil:
		return []string{`started_at_ms IS NOT NULL ORDER BY started_at_ms DESC, run_id`, untimed}, nil
	case after.StartedAtMs.Valid:
		return []string{
			`started_at_ms = ?2 AND run_id > ?1 ORDER BY run_id`,
			`started_at_ms < ?2 ORDER BY started_at_ms DESC, run_id`,
			untimed,
		}, []any{d.encode(string(after.RunID)), after.StartedAtMs.V}
	}
	return []string{`started_at_ms IS NULL AND run_id > ?1 ORDER BY run_id`}, []any{d.encode(string(after.RunID))}
}

// pageQuery selects the first runs of all parts. It is one query so that a
// page is of one moment.
func pageQuery(parts []string, limit int) string {
	selects := make([]string, len(parts))
	for i, part := range parts {
		selects[i] = fmt.Sprintf(`SELECT * FROM (SELECT %s FROM runs WHERE %s LIMIT ?%d) AS part%d`, runColumnNames, part, limit, i)
	}
	return fmt.Sprintf(`SELECT %s FROM (%s) AS page ORDER BY started_at_ms IS NULL, started_at_ms DESC, run_id LIMIT ?%d`,
		runColumnNames, strings.Join(selects, " UNION ALL "), limit)
}
