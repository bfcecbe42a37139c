package sqlread

import (
	"context"
	"database/sql"
	"fmt"
	"iter"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

type snapshot struct {
	dialect *Dialect
	ctx     context.Context
	tx      *sql.Tx
	run     domain.RunID
}

// Snapshot reads the rows of a run in tx, which has to show the database as it
// is at one moment, until tx or ctx ends.
func (d *Dialect) Snapshot(ctx context.Context, tx *sql.Tx, run domain.RunID) store.Snapshot {
	return &snapshot{d, ctx, tx, run}
}

func (s *snapshot) Checkpoint() (checkpoint store.Checkpoint, ok bool, err error) {
	checkpoints, err := s.dialect.Checkpoints(s.ctx, s.tx, []domain.RunID{s.run})
	checkpoint, ok = checkpoints[s.run]
	return checkpoint, ok, err
}

func (s *snapshot) Run() (row store.Run, ok bool, err error) {
	return first(each(s.dialect, s.what("the row"), runColumns, func() (Rows, error) {
		return s.dialect.query(s.ctx, s.tx, `SELECT `+runColumnNames+` FROM runs WHERE run_id = ?1`, s.key())
	}))
}

func (s *snapshot) Jobs() iter.Seq2[projections.Row[projections.Job], error] {
	return stream(s, "the jobs", jobColumns, `SELECT position, job_id, state, started_at_ms, finished_at_ms, exit_code
FROM jobs WHERE run_id = ?1 ORDER BY position`)
}

func (s *snapshot) ShEvents() iter.Seq2[projections.Row[projections.ShEvent], error] {
	return stream(s, "the commands", shEventColumns, `SELECT position, job_id, seq, cmd, started_at_ms, finished_at_ms, exit_code
FROM sh_events WHERE run_id = ?1 ORDER BY position`)
}

func (s *snapshot) Timings() iter.Seq2[projections.Row[projections.JobTiming], error] {
	return stream(s, "the timings", timingColumns, `SELECT j.position, t.job_id, t.offset_ms, t.duration_ms, t.sh_count, t.sh_ms, t.gap_ms
FROM timings AS t LEFT JOIN jobs AS j ON j.run_id = t.run_id AND j.job_id = t.job_id
WHERE t.run_id = ?1 ORDER BY j.position NULLS FIRST`)
}

func (s *snapshot) ShTimings() iter.Seq2[projections.Row[projections.ShTiming], error] {
	return stream(s, "the timings of the commands", shTimingColumns, `SELECT position, job_id, seq, offset_ms, duration_ms
FROM sh_timings WHERE run_id = ?1 ORDER BY position`)
}

func (s *snapshot) Diagnostics() iter.Seq2[projections.Row[projections.Diagnostic], error] {
	return stream(s, "the diagnostics", diagnosticColumns, `SELECT position, code, line, "offset", job_id
FROM diagnostics WHERE run_id = ?1 ORDER BY position`)
}

// stream yields the rows of a query whose one parameter is the run.
func stream[R any](s *snapshot, what string, columns columns[R], query string) iter.Seq2[R, error] {
	return each(s.dialect, s.what(what), columns, func() (Rows, error) {
		return s.dialect.stream(s.ctx, s.tx, query, s.key())
	})
}

func (s *snapshot) key() string             { return s.dialect.encode(string(s.run)) }
func (s *snapshot) what(rows string) string { return fmt.Sprintf("%s of run %q", rows, s.run) }
