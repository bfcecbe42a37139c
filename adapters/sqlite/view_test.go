package sqlite_test

import (
	"database/sql"
	"errors"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/quire-ci/quire-project/adapters/storetest"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

func TestShTimingsView(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quire.db")
	s, db := open(t, path), other(t, path)
	storetest.ShTimings(t, s, func(run domain.RunID) (got []projections.ShTiming, err error) {
		rows, err := db.Query(`SELECT job_id, seq, offset_ms, duration_ms FROM sh_timings WHERE run_id = ? ORDER BY position`, string(run))
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		for rows.Next() {
			var row projections.ShTiming
			var offset, duration sql.NullInt64
			err = errors.Join(err, rows.Scan(&row.JobID, &row.Seq, &offset, &duration))
			row.OffsetMs = projections.Null[int64]{V: offset.Int64, Valid: offset.Valid}
			row.DurationMs = projections.Null[int64]{V: duration.Int64, Valid: duration.Valid}
			got = append(got, row)
		}
		return got, errors.Join(err, rows.Err())
	})
}

// Without the run's row, the offset of a command is null.
func TestShTimingsWithoutRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quire.db")
	writeRun(t, path, "a")
	execute(t, path, `DELETE FROM runs`)
	assert.Equal(t, "null", query(t, path, `SELECT coalesce(offset_ms, 'null') FROM sh_timings`), "offset")
}
