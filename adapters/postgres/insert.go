package postgres

import (
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// The tables that are written by COPY.
const (
	copyRuns = iota
	copyJobs
	copyShEvents
	copyTimings
	copyDiagnostics
	copiedTables
)

// copyStatements name the columns in the order in which the functions below
// write them.
var copyStatements = [copiedTables]string{
	copyRuns: `COPY runs (run_id, state, ended, events, unknown_events, jobs, failed_jobs, sh_events, failed_sh, open_sh,
started_at_ms, last_at_ms, wall_ms, busy_ms, job_ms, peak_jobs) FROM STDIN (FORMAT binary)`,
	copyJobs:        `COPY jobs (run_id, job_id, state, exit_code, started_at_ms, finished_at_ms, position) FROM STDIN (FORMAT binary)`,
	copyShEvents:    `COPY sh_events (run_id, job_id, seq, cmd, started_at_ms, finished_at_ms, exit_code, position) FROM STDIN (FORMAT binary)`,
	copyTimings:     `COPY timings (run_id, job_id, offset_ms, duration_ms, sh_count, sh_ms, gap_ms) FROM STDIN (FORMAT binary)`,
	copyDiagnostics: `COPY diagnostics (run_id, position, code, line, "offset", job_id) FROM STDIN (FORMAT binary)`,
}

// insert encodes rows, and sends what there is enough of.
func (t *tx) insert(rows *store.Rows) error {
	run := toText(string(rows.RunID))
	t.replace(run, rows)
	for i := range rows.Jobs {
		t.job(run, &rows.Jobs[i])
	}
	for i := range rows.ShEvents {
		t.shEvent(run, &rows.ShEvents[i])
	}
	for i := range rows.Timings {
		t.timing(run, &rows.Timings[i])
	}
	for i := range rows.Diagnostics {
		t.diagnostic(run, &rows.Diagnostics[i])
	}
	if rows.Run.Valid {
		t.run(run, &rows.Run.V)
	}
	if err := t.sendLongIDs(); err != nil {
		return err
	}
	if !t.copier.full() {
		return t.copier.err
	}
	if err := t.removeStale(); err != nil {
		return err
	}
	return t.copier.sendFull()
}

func (t *tx) job(run string, row *projections.Row[projections.Job]) {
	b, r := &t.copier.tables[copyJobs], &row.Value
	b.tuple(7)
	b.key(run)
	b.key(t.longIDs.key(run, r.JobID))
	b.text(string(r.State))
	b.nullInteger(r.ExitCode)
	b.nullBigint(r.StartedAtMs)
	b.nullBigint(r.FinishedAtMs)
	b.bigint(int64(row.Index) + 1)
}

func (t *tx) shEvent(run string, row *projections.Row[projections.ShEvent]) {
	b, r := &t.copier.tables[copyShEvents], &row.Value
	b.tuple(8)
	b.key(run)
	b.key(t.longIDs.key(run, r.JobID))
	b.bigint(int64(r.Seq))
	b.text(r.Cmd)
	b.bigint(r.StartedAtMs)
	b.nullBigint(r.FinishedAtMs)
	b.nullInteger(r.ExitCode)
	b.bigint(int64(row.Index) + 1)
}

func (t *tx) timing(run string, row *projections.Row[projections.JobTiming]) {
	b, r := &t.copier.tables[copyTimings], &row.Value
	b.tuple(7)
	b.key(run)
	b.key(t.longIDs.key(run, r.JobID))
	b.nullBigint(r.OffsetMs)
	b.nullBigint(r.DurationMs)
	b.bigint(int64(r.ShCount))
	b.nullBigint(r.ShMs)
	b.nullBigint(r.GapMs)
}

func (t *tx) diagnostic(run string, row *projections.Row[projections.Diagnostic]) {
	b, r := &t.copier.tables[copyDiagnostics], &row.Value
	b.tuple(6)
	b.key(run)
	b.bigint(int64(row.Index) + 1)
	b.text(string(r.Code))
	b.bigint(r.Line)
	b.bigint(r.Offset)
	if r.JobID.Valid {
		b.key(t.longIDs.key(run, r.JobID.V))
	} else {
		b.null()
	}
}

func (t *tx) run(run string, r *store.Run) {
	b := &t.copier.tables[copyRuns]
	b.tuple(16)
	b.key(run)
	b.text(string(r.State))
	b.boolean(r.Ended)
	for _, n := range []int64{
		r.Events, r.UnknownEvents, int64(r.Jobs), int64(r.FailedJobs), int64(r.ShEvents), int64(r.FailedSh), int64(r.OpenSh),
	} {
		b.bigint(n)
	}
	for _, n := range []projections.Null[int64]{r.StartedAtMs, r.LastAtMs, r.WallMs, r.BusyMs, r.JobMs} {
		b.nullBigint(n)
	}
	b.bigint(int64(r.PeakJobs))
}
