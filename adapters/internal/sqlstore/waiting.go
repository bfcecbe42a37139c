package sqlstore

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// selectWaiting contains the condition for the runs, if any, three times, because databases do not
// apply a condition on the whole query to its parts.
const selectWaiting = `SELECT w.run_id, q.run_id IS NOT NULL, coalesce(q.code, ''), coalesce(q.reason, ''), coalesce(q."offset", 0), coalesce(q.quarantined_at_ms, 0),
  coalesce(s.segments, 0), coalesce(s.bytes, 0), coalesce(s.first, 0), coalesce(s.last, 0), coalesce(%[2]s - s.since, 0)
FROM (SELECT run_id FROM quarantined_runs%[1]s UNION SELECT run_id FROM parked_segments%[1]s) AS w
LEFT JOIN quarantined_runs AS q ON q.run_id = w.run_id
LEFT JOIN (
  SELECT run_id, count(*) AS segments, CAST(sum(bytes) AS bigint) AS bytes, min("offset") AS first, max("offset" + bytes) AS last, min(parked_at_ms) AS since
  FROM parked_segments%[1]s GROUP BY run_id
) AS s ON s.run_id = w.run_id
ORDER BY w.run_id`

type waitingRow struct {
	store.Waiting
	quarantined  bool
	quarantine   store.Quarantine
	since, ageMs int64
}

func waitingColumns(d *Dialect, w *waitingRow) []any {
	return []any{
		text(d, &w.Run), &w.quarantined, text(d, &w.quarantine.Code), text(d, &w.quarantine.Reason), &w.quarantine.Offset, &w.since,
		&w.Segments, &w.Bytes, &w.First, &w.Last, &w.ageMs,
	}
}

// Waiting returns the runs that are quarantined or have parked segments: all of them, or those
// among runs if any are given.
func (r Reader) Waiting(ctx context.Context, runs ...domain.RunID) ([]store.Waiting, error) {
	if len(runs) == 0 {
		return r.waiting(ctx, "", nil)
	}
	waiting := []store.Waiting{}
	for some := range slices.Chunk(slices.Compact(slices.Sorted(slices.Values(runs))), MaxList) {
		condition, args := r.dialect.In(some)
		found, err := r.waiting(ctx, " WHERE run_id "+condition, args)
		if err != nil {
			return nil, err
		}
		waiting = append(waiting, found...)
	}
	return waiting, nil
}

func (r Reader) waiting(ctx context.Context, condition string, args []any) ([]store.Waiting, error) {
	read, err := list(ctx, r, "the waiting runs", waitingColumns, fmt.Sprintf(selectWaiting, condition, r.dialect.nowMs()), args...)
	waiting := make([]store.Waiting, len(read))
	for i, row := range read {
		waiting[i] = row.Waiting
		waiting[i].Age = time.Duration(max(row.ageMs, 0)) * time.Millisecond
		if row.quarantined {
			row.quarantine.Since = time.UnixMilli(row.since)
			waiting[i].Quarantine = &row.quarantine
		}
	}
	return waiting, err
}

const selectParked = `SELECT "offset", tail, sha256, data FROM parked_segments
WHERE run_id = ?1 AND "offset" <= ?2 AND "offset" + bytes > ?2 ORDER BY tail, bytes DESC, "offset" LIMIT 1`

func parkedColumns(_ *Dialect, s *domain.Segment) []any {
	return []any{&s.Offset, &s.Tail, digest(&s.SHA256), &s.Data}
}

// Parked returns a parked segment of a run that has the byte at offset.
func (r Reader) Parked(ctx context.Context, run domain.RunID, offset int64) (segment domain.Segment, ok bool, err error) {
	found, err := list(ctx, r, "a parked segment", parkedColumns, selectParked, r.dialect.encode(string(run)), offset)
	if len(found) > 0 {
		segment = found[0]
	}
	segment.Run = run
	return segment, len(found) > 0, err
}

// Statement is an SQL statement with its arguments.
type Statement struct {
	Query string
	Args  []any
}

// Parking has the methods of a transaction for parked segments and quarantines.
type Parking struct {
	Dialect *Dialect
	// Exec runs statements. what describes them in errors.
	Exec func(what string, statements ...Statement) error
}

func (p Parking) statement(query string, args ...any) Statement {
	return Statement{p.Dialect.SQL(query), args}
}

// Park keeps segments.
func (p Parking) Park(segments []domain.Segment) error {
	query := `INSERT INTO parked_segments (run_id, "offset", bytes, tail, sha256, parked_at_ms, data)
VALUES (?1, ?2, ?3, ?4, ?5, ` + p.Dialect.nowMs() + `, ?6) ON CONFLICT DO NOTHING`
	var all []Statement
	for i := range segments {
		s := &segments[i]
		all = append(all, p.statement(query, p.Dialect.encode(string(s.Run)), s.Offset, int64(len(s.Data)), s.Tail, hex.EncodeToString(s.SHA256[:]), s.Data))
	}
	return p.Exec("park segments", all...)
}

// Unpark removes parked segments of a run.
func (p Parking) Unpark(run domain.RunID, end int64) error {
	return p.Exec("unpark segments", p.statement(`DELETE FROM parked_segments WHERE run_id = ?1 AND "offset" + bytes <= ?2`, p.Dialect.encode(string(run)), end))
}

// SetQuarantine sets or lifts the quarantine of a run.
func (p Parking) SetQuarantine(run domain.RunID, q *store.Quarantine) error {
	id := p.Dialect.encode(string(run))
	if q == nil {
		return p.Exec("lift a quarantine", p.statement(`DELETE FROM quarantined_runs WHERE run_id = ?1`, id))
	}
	return p.Exec("quarantine a run", p.statement(`INSERT INTO quarantined_runs (run_id, code, reason, "offset", quarantined_at_ms)
VALUES (?1, ?2, ?3, ?4, `+p.Dialect.nowMs()+`)
ON CONFLICT (run_id) DO UPDATE SET code = excluded.code, reason = excluded.reason, "offset" = excluded."offset"`,
		id, string(q.Code), p.Dialect.encode(q.Reason), q.Offset))
}
