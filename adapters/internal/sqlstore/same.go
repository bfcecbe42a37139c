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
// one, and in which tables their rows are the same.
const selectSame = `SELECT n.run_id, ''%s FROM {checkpoints} AS n JOIN checkpoints AS l ON l.run_id = n.run_id
WHERE n.projections = '%s' AND n.end_bytes = l.end_bytes AND n.end_lines = l.end_lines AND n.end_sha256 = l.end_sha256 AND n.read_options = l.read_options AND n.run_id %s`

// sameRows is an SQL expression that is 1 if a table has the same rows of a run in both
// generations: each row has a counterpart, and the numbers are equal. It counts, because PostgreSQL
// would turn EXISTS into a join of whole tables.
const sameRows = ` || CASE WHEN (SELECT count(*) = count(b.run_id) AND count(*) = (SELECT count(*) FROM {%[2]s} AS c WHERE c.run_id = n.run_id)
FROM %[1]q AS a LEFT JOIN {%[2]s} AS b ON b.run_id = n.run_id AND b.position = a.position%[3]s WHERE a.run_id = n.run_id) THEN '1' ELSE '0' END`

// sameRun tells for each table of a list whether it has the same rows of a run.
type sameRun struct {
	run  domain.RunID
	same string
}

func sameColumns(d *Dialect, s *sameRun) []any { return []any{text(d, &s.run), text(d, &s.same)} }

// Same returns for runs the projections whose rows are the same in this generation and in the live
// one, by the columns that both have.
func (r Reader) Same(ctx context.Context, runs []domain.RunID) (map[domain.RunID][]*projections.Definition, error) {
	live, err := r.with("").registered(ctx)
	if err != nil {
		return nil, err
	}
	columns, compared := "", []*projections.Definition(nil)
	for _, of := range r.dialect.Set.Stored() {
		if was := live[of.Name]; was.version > 0 { // a new projection has nothing to be compared with
			table := parseTable(was.columns)
			columns += fmt.Sprintf(sameRows, table.name, of.Table, parseTable(of.Describe()).equals(table))
			compared = append(compared, of)
		}
	}
	all := map[domain.RunID][]*projections.Definition{}
	for runs := range slices.Chunk(runs, MaxList) {
		condition, args := r.dialect.In(runs)
		query := fmt.Sprintf(selectSame, columns, projections.ID(r.dialect.Set.Stored()), condition)
		found, err := list(ctx, r, "the runs whose rows are the same", sameColumns, query, args...)
		if err != nil {
			return nil, err
		}
		for _, s := range found {
			all[s.run] = slices.DeleteFunc(slices.Clone(compared), func(of *projections.Definition) bool {
				return s.same[slices.Index(compared, of)] != '1'
			})
		}
	}
	return all, nil
}

// equals returns the condition that a row b of the table is the row a of another one.
func (t table) equals(other table) (condition string) {
	for _, c := range t.columns {
		switch {
		case !c.isIn(other):
		case strings.HasSuffix(c.kind, " null"):
			condition += fmt.Sprintf(" AND b.%[1]q IS NOT DISTINCT FROM a.%[1]q", c.name)
		case slices.Contains(other.columns, c):
			condition += fmt.Sprintf(" AND b.%[1]q = a.%[1]q", c.name)
		default:
			condition += fmt.Sprintf(" AND b.%[1]q = coalesce(a.%[1]q, %[2]s)", c.name, c.zero())
		}
	}
	return condition
}
