package sqlread

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// NowMs is what [Dialect.NowMs] is for SQLite.
const NowMs = `CAST(unixepoch('subsec') * 1000 AS INTEGER)`

// selectWaiting has the condition for the runs, if there is one, three times:
// databases do not look into a part of a query for what restricts the whole.
const selectWaiting = `SELECT w.run_id, q.code, q.reason, q."offset", q.quarantined_at_ms,
  coalesce(s.segments, 0), coalesce(s.bytes, 0), coalesce(s.first, 0), coalesce(s.last, 0), coalesce(%[2]s - s.since, 0)
FROM (SELECT run_id FROM quarantined_runs%[1]s UNION SELECT run_id FROM held_segments%[1]s) AS w
LEFT JOIN quarantined_runs AS q ON q.run_id = w.run_id
LEFT JOIN (
  SELECT run_id, count(*) AS segments, CAST(sum(bytes) AS bigint) AS bytes, min("offset") AS first, max("offset" + bytes) AS last, min(held_at_ms) AS since
  FROM held_segments%[1]s GROUP BY run_id
) AS s ON s.run_id = w.run_id
ORDER BY w.run_id`

type waitingRow struct {
	store.Waiting
	code, reason  projections.Null[string]
	offset, since projections.Null[int64]
	ageMs         int64
}

func waitingColumns(d *Dialect, w *waitingRow) []any {
	return []any{
		text[domain.RunID]{d, &w.Run}, nullText{d, &w.code}, nullText{d, &w.reason}, nullInteger[int64]{&w.offset}, nullInteger[int64]{&w.since},
		integer[int]{&w.Segments}, integer[int64]{&w.Bytes}, integer[int64]{&w.First}, integer[int64]{&w.Last}, integer[int64]{&w.ageMs},
	}
}

// Waiting returns the runs that are quarantined or of which segments are parked.
func (d *Dialect) Waiting(ctx context.Context, q Querier, runs []domain.RunID) ([]store.Waiting, error) {
	if len(runs) == 0 {
		return d.waiting(ctx, q, "", nil)
	}
	waiting := []store.Waiting{}
	for some := range slices.Chunk(slices.Compact(slices.Sorted(slices.Values(runs))), maxList) {
		ids := make([]string, len(some))
		for i, run := range some {
			ids[i] = d.encode(string(run))
		}
		condition, args := d.in(ids)
		found, err := d.waiting(ctx, q, " WHERE run_id "+condition, args)
		if err != nil {
			return nil, err
		}
		waiting = append(waiting, found...)
	}
	return waiting, nil
}

func (d *Dialect) waiting(ctx context.Context, q Querier, condition string, args []any) ([]store.Waiting, error) {
	query := fmt.Sprintf(selectWaiting, condition, cmp.Or(d.NowMs, NowMs))
	read, err := all(each(d, "the runs that wait", waitingColumns, func() (Rows, error) { return d.query(ctx, q, query, args...) }))
	waiting := make([]store.Waiting, len(read))
	for i, row := range read {
		waiting[i] = row.Waiting
		waiting[i].Age = time.Duration(max(row.ageMs, 0)) * time.Millisecond
		if row.code.Valid {
			waiting[i].Quarantine = &store.Quarantine{
				Code: store.QuarantineCode(row.code.V), Reason: row.reason.V, Offset: row.offset.V, Since: time.UnixMilli(row.since.V),
			}
		}
	}
	return waiting, err
}

const selectParked = `SELECT "offset", tail, sha256, data FROM held_segments
WHERE run_id = ?1 AND "offset" <= ?2 AND "offset" + bytes > ?2 ORDER BY tail, bytes DESC, "offset" LIMIT 1`

func parkedColumns(d *Dialect, s *domain.Segment) []any {
	return []any{integer[int64]{&s.Offset}, boolean{&s.Tail}, digest{&s.SHA256}, blob{&s.Data}}
}

// Parked returns a parked segment of a run that has the byte at offset.
func (d *Dialect) Parked(ctx context.Context, q Querier, run domain.RunID, offset int64) (domain.Segment, bool, error) {
	segment, ok, err := first(each(d, "a parked segment", parkedColumns, func() (Rows, error) {
		return d.query(ctx, q, selectParked, d.encode(string(run)), offset)
	}))
	segment.Run = run
	return segment, ok, err
}

// blob scans a column of bytes.
type blob struct{ to *[]byte }

func (c blob) Scan(value any) error {
	b, ok := value.([]byte)
	if !ok {
		return fmt.Errorf("%T where bytes are expected", value)
	}
	*c.to = append([]byte{}, b...)
	return nil
}
