package sqlstore

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// selectSame selects runs that were derived from the same bytes in this generation and in the live
// one.
const selectSame = `SELECT n.run_id FROM {checkpoints} AS n JOIN checkpoints AS l ON l.run_id = n.run_id
WHERE n.projections = '%s' AND n.end_bytes = l.end_bytes AND n.end_lines = l.end_lines AND n.end_sha256 = l.end_sha256 AND n.reading = l.reading AND n.run_id %s`

// sameRows is true if a table has the same rows of a run in both generations: as many, and each has
// a counterpart. The subqueries count, because PostgreSQL would turn EXISTS into a join of whole
// tables.
const sameRows = `
AND (SELECT count(*) FROM %[1]q AS a WHERE a.run_id = n.run_id) = (SELECT count(*) FROM {%[1]s} AS b WHERE b.run_id = n.run_id)
AND (SELECT count(*) FROM %[1]q AS a WHERE a.run_id = n.run_id) = (SELECT count(*) FROM %[1]q AS a CROSS JOIN {%[1]s} AS b WHERE a.run_id = n.run_id AND b.run_id = n.run_id AND b.position = a.position%[2]s)`

// Same returns those of runs that have the same rows in this generation and in the live one. If a
// table has other columns, it returns none.
func (r Reader) Same(ctx context.Context, runs []domain.RunID) (same []domain.RunID, err error) {
	live, err := r.with("").registered(ctx)
	if err != nil {
		return nil, err
	}
	conditions := ""
	for _, of := range r.dialect.Set.Stored() {
		switch was := live[of.Name]; {
		case was.version == 0: // a new projection, which has nothing to be compared with
		case was.columns != of.Describe():
			return nil, nil
		default:
			conditions += fmt.Sprintf(sameRows, of.Table, sameColumns(of))
		}
	}
	for runs := range slices.Chunk(runs, MaxList) {
		condition, args := r.dialect.In(runs)
		query := fmt.Sprintf(selectSame, projections.ID(r.dialect.Set.Stored()), condition) + conditions
		some, err := list(ctx, r, "the runs whose rows are the same", oneText[domain.RunID], query, args...)
		if err != nil {
			return nil, err
		}
		same = append(same, some...)
	}
	return same, nil
}

func sameColumns(of *projections.Definition) string {
	var all strings.Builder
	for _, c := range of.Columns {
		equals := "="
		if c.Nullable {
			equals = "IS NOT DISTINCT FROM"
		}
		fmt.Fprintf(&all, " AND b.%[1]q %[2]s a.%[1]q", c.Name, equals)
	}
	return all.String()
}
