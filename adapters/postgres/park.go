package postgres

import (
	"encoding/hex"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// nowMs is the time of the server in milliseconds since the Unix epoch.
const nowMs = `CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)`

const (
	parkSegment = `INSERT INTO held_segments (run_id, "offset", bytes, tail, sha256, held_at_ms, data)
VALUES ($1, $2, $3, $4, $5, ` + nowMs + `, $6) ON CONFLICT DO NOTHING`
	unparkSegments = `DELETE FROM held_segments WHERE run_id = $1 AND "offset" + bytes <= $2`
	setQuarantine  = `INSERT INTO quarantined_runs (run_id, code, reason, "offset", quarantined_at_ms)
VALUES ($1, $2, $3, $4, ` + nowMs + `)
ON CONFLICT (run_id) DO UPDATE SET code = excluded.code, reason = excluded.reason, "offset" = excluded."offset"`
	liftQuarantine = `DELETE FROM quarantined_runs WHERE run_id = $1`
)

// Park keeps segments that cannot be applied yet.
func (t *tx) Park(segments []domain.Segment) error {
	var batch pgx.Batch
	for i := range segments {
		s := &segments[i]
		batch.Queue(parkSegment, toText(string(s.Run)), s.Offset, int64(len(s.Data)), s.Tail, hex.EncodeToString(s.SHA256[:]), s.Data)
	}
	return t.sendFor("park segments", &batch)
}

// Unpark removes the parked segments of a run that end at or before end.
func (t *tx) Unpark(run domain.RunID, end int64) error {
	var batch pgx.Batch
	batch.Queue(unparkSegments, toText(string(run)), end)
	return t.sendFor("unpark segments", &batch)
}

// SetQuarantine sets why no segments of a run are applied, or lifts it.
func (t *tx) SetQuarantine(run domain.RunID, q *store.Quarantine) error {
	var batch pgx.Batch
	if q == nil {
		batch.Queue(liftQuarantine, toText(string(run)))
	} else {
		batch.Queue(setQuarantine, toText(string(run)), string(q.Code), toText(q.Reason), q.Offset)
	}
	return t.sendFor("quarantine a run", &batch)
}

func (t *tx) sendFor(what string, batch *pgx.Batch) error {
	if err := t.send(batch); err != nil {
		return fmt.Errorf("%s: %w", what, explainWrite(err))
	}
	return nil
}
