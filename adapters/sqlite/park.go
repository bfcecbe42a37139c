package sqlite

import (
	"encoding/hex"

	"github.com/quire-ci/quire-project/adapters/internal/sqlread"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

const (
	parkSegment = `INSERT INTO held_segments (run_id, "offset", bytes, tail, sha256, held_at_ms, data)
VALUES (?, ?, ?, ?, ?, ` + sqlread.NowMs + `, ?) ON CONFLICT DO NOTHING`
	unparkSegments = `DELETE FROM held_segments WHERE run_id = ? AND "offset" + bytes <= ?`
	setQuarantine  = `INSERT INTO quarantined_runs (run_id, code, reason, "offset", quarantined_at_ms)
VALUES (?, ?, ?, ?, ` + sqlread.NowMs + `)
ON CONFLICT (run_id) DO UPDATE SET code = excluded.code, reason = excluded.reason, "offset" = excluded."offset"`
	liftQuarantine = `DELETE FROM quarantined_runs WHERE run_id = ?`
)

func (t *tx) Park(segments []domain.Segment) error {
	for i := range segments {
		s := &segments[i]
		err := t.exec("park a segment", parkSegment,
			string(s.Run), s.Offset, int64(len(s.Data)), s.Tail, hex.EncodeToString(s.SHA256[:]), s.Data)
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) Unpark(run domain.RunID, end int64) error {
	return t.exec("unpark segments", unparkSegments, string(run), end)
}

func (t *tx) SetQuarantine(run domain.RunID, q *store.Quarantine) error {
	if q == nil {
		return t.exec("lift a quarantine", liftQuarantine, string(run))
	}
	return t.exec("quarantine a run", setQuarantine, string(run), string(q.Code), q.Reason, q.Offset)
}

// exec runs a statement, behind all rows that were inserted.
func (t *tx) exec(what, query string, args ...any) error {
	if err := t.flush(); err != nil {
		return err
	}
	if err := t.session.exec(t.ctx, query, args...); err != nil {
		t.inserter.err = t.store.fail(what, err)
		return t.inserter.err
	}
	return nil
}
