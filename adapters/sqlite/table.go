package sqlite

import (
	"encoding/hex"
	"strings"

	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// table is how rows are put into a table: many with one statement, because a
// statement costs more than a row.
type table struct {
	into string // INSERT INTO table (run_id, more columns)
	// columns is how many columns there are beside the run's id.
	columns int
	also    string // value of a column that is no argument
	// replaced is the same table for rows that replace what is there.
	replaced *table
}

func newTable(into string, columns int) *table {
	return &table{into: "INSERT OR ROLLBACK " + into, columns: columns, replaced: &table{into: "REPLACE " + into, columns: columns}}
}

// statement returns the one that inserts so many rows. Where they are all of one
// run, its id is an argument only once: arguments are a third of what inserting
// costs.
func (t *table) statement(rows int, mixed bool) string {
	run := "(?1"
	if mixed {
		run = "(?"
	}
	row := run + strings.Repeat(",?", t.columns) + t.also + ")"
	return t.into + " VALUES " + strings.Repeat(row+",", rows-1) + row
}

var (
	runs = newTable(`INTO runs (run_id, state, ended, events, unknown_events, jobs, failed_jobs, sh_events, failed_sh, open_sh,
started_at_ms, last_at_ms, wall_ms, busy_ms, job_ms, peak_jobs)`, 15)
	jobs        = newTable(`INTO jobs (run_id, job_id, state, exit_code, started_at_ms, finished_at_ms, position)`, 6)
	shEvents    = newTable(`INTO sh_events (run_id, job_id, seq, cmd, started_at_ms, finished_at_ms, exit_code, position)`, 7)
	timings     = newTable(`INTO timings (run_id, job_id, offset_ms, duration_ms, sh_count, sh_ms, gap_ms)`, 6)
	diagnostics = newTable(`INTO diagnostics (run_id, position, code, line, "offset", job_id)`, 5)
	// The time is that of SQLite, so that all programs tell it in the same way.
	checkpoints = &table{`REPLACE INTO checkpoints (run_id, bytes, lines, events, sha256, end_bytes, end_lines, end_sha256, reducers, reading, source, state,
updated_at)`, 11, `,strftime('%Y-%m-%dT%H:%M:%fZ', 'now')`, nil}
)

// The functions below append the arguments of a row, without the run's id.

func appendRun(args []any, r *store.Run) []any {
	return append(args, state(r.State), r.Ended, r.Events, r.UnknownEvents, int64(r.Jobs), int64(r.FailedJobs),
		int64(r.ShEvents), int64(r.FailedSh), int64(r.OpenSh),
		null(r.StartedAtMs), null(r.LastAtMs), null(r.WallMs), null(r.BusyMs), null(r.JobMs), int64(r.PeakJobs))
}

func appendJob(args []any, row *projections.Row[projections.Job]) []any {
	r := &row.Value
	return append(args, r.JobID, state(r.State), nullCode(r.ExitCode), null(r.StartedAtMs), null(r.FinishedAtMs), position(row.Index))
}

func appendShEvent(args []any, row *projections.Row[projections.ShEvent]) []any {
	r := &row.Value
	return append(args, r.JobID, int64(r.Seq), r.Cmd, r.StartedAtMs, null(r.FinishedAtMs), nullCode(r.ExitCode), position(row.Index))
}

func appendTiming(args []any, row *projections.Row[projections.JobTiming]) []any {
	r := &row.Value
	return append(args, r.JobID, null(r.OffsetMs), null(r.DurationMs), int64(r.ShCount), null(r.ShMs), null(r.GapMs))
}

func appendDiagnostic(args []any, row *projections.Row[projections.Diagnostic]) []any {
	r := &row.Value
	var job any
	if r.JobID.Valid {
		job = r.JobID.V
	}
	return append(args, position(row.Index), string(r.Code), r.Line, r.Offset, job)
}

func appendCheckpoint(args []any, c *store.Checkpoint) []any {
	return append(args, c.Bytes, c.Lines, c.Events, hex.EncodeToString(c.SHA256[:]),
		c.End.Bytes, c.End.Lines, hex.EncodeToString(c.End.SHA256[:]), int64(c.Reducers), c.Reading, c.Source, c.State)
}

func position(index int) int64 { return int64(index) + 1 }

func null(n projections.Null[int64]) any {
	if !n.Valid {
		return nil
	}
	return n.V
}

func nullCode(n projections.Null[int32]) any {
	if !n.Valid {
		return nil
	}
	return int64(n.V)
}

// The states as arguments, which would be allocated for each row.
var active, complete, failed any = string(projections.Active), string(projections.Complete), string(projections.Failed)

func state(s projections.State) any {
	switch s {
	case projections.Active:
		return active
	case projections.Complete:
		return complete
	case projections.Failed:
		return failed
	}
	return string(s)
}
