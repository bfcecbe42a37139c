package postgres

import (
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/quire-ci/quire-project/projections/store"
)

// stale are the keys of rows that are replaced, table by table, column by column. COPY
// only adds rows, so those are removed before.
type stale struct {
	runs, jobRuns, jobs, timingRuns, timings, shRuns, shJobs []string
	seqs                                                     []int64
}

const (
	removeRuns = `DELETE FROM runs WHERE run_id = ANY ($1)`
	removeJobs = `DELETE FROM jobs AS t USING unnest($1::text[], $2::text[]) AS k (run_id, job_id)
WHERE t.run_id = k.run_id AND t.job_id = k.job_id`
	removeTimings = `DELETE FROM timings AS t USING unnest($1::text[], $2::text[]) AS k (run_id, job_id)
WHERE t.run_id = k.run_id AND t.job_id = k.job_id`
	removeShEvents = `DELETE FROM sh_events AS t USING unnest($1::text[], $2::text[], $3::bigint[]) AS k (run_id, job_id, seq)
WHERE t.run_id = k.run_id AND t.job_id = k.job_id AND t.seq = k.seq`
)

// replace notes which of some rows are there already.
func (t *tx) replace(run string, rows *store.Rows) {
	s, stored := &t.stale, rows.Stored
	for i := range rows.Jobs {
		if row := &rows.Jobs[i]; row.Index < stored.Jobs {
			s.jobRuns, s.jobs = append(s.jobRuns, run), append(s.jobs, t.longIDs.key(run, row.Value.JobID))
		}
	}
	for i := range rows.Timings {
		if row := &rows.Timings[i]; row.Index < stored.Jobs {
			s.timingRuns, s.timings = append(s.timingRuns, run), append(s.timings, t.longIDs.key(run, row.Value.JobID))
		}
	}
	for i := range rows.ShEvents {
		if row := &rows.ShEvents[i]; row.Index < stored.ShEvents {
			s.shRuns, s.shJobs = append(s.shRuns, run), append(s.shJobs, t.longIDs.key(run, row.Value.JobID))
			s.seqs = append(s.seqs, int64(row.Value.Seq))
		}
	}
	if rows.Run.Valid && stored.Run {
		s.runs = append(s.runs, run)
	}
}

// removeStale removes what is replaced by rows that are to be sent.
func (t *tx) removeStale() error {
	var batch pgx.Batch
	s := &t.stale
	if len(s.runs) > 0 {
		batch.Queue(removeRuns, s.runs)
	}
	if len(s.jobs) > 0 {
		batch.Queue(removeJobs, s.jobRuns, s.jobs)
	}
	if len(s.timings) > 0 {
		batch.Queue(removeTimings, s.timingRuns, s.timings)
	}
	if len(s.seqs) > 0 {
		batch.Queue(removeShEvents, s.shRuns, s.shJobs, s.seqs)
	}
	t.stale = stale{}
	if err := t.send(&batch); err != nil {
		return fmt.Errorf("remove what is replaced: %w", err)
	}
	return nil
}
