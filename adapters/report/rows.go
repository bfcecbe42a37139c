package report

import (
	"strconv"

	"github.com/quire-ci/quire-project/adapters/internal/jsonenc"
	"github.com/quire-ci/quire-project/projections"
)

// The encoders of rows append a row's members, without the braces, so that
// NDJSON can put others before them. Names and order are those of the rows'
// json tags, which a test holds them to.

func appendRun(dst []byte, r *projections.Run) []byte {
	dst = jsonenc.AppendString(append(dst, `"run_id":`...), string(r.RunID))
	return appendRunRest(append(dst, ','), r)
}

// appendRunRest is appendRun without the run's id, which every NDJSON row has.
func appendRunRest(dst []byte, r *projections.Run) []byte {
	dst = appendState(append(dst, `"state":`...), r.State)
	dst = strconv.AppendBool(append(dst, `,"ended":`...), r.Ended)
	dst = jsonenc.AppendInt(append(dst, `,"events":`...), r.Events)
	dst = jsonenc.AppendInt(append(dst, `,"unknown_events":`...), r.UnknownEvents)
	dst = appendCount(append(dst, `,"jobs":`...), r.Jobs)
	dst = appendCount(append(dst, `,"failed_jobs":`...), r.FailedJobs)
	dst = appendCount(append(dst, `,"sh_events":`...), r.ShEvents)
	dst = appendCount(append(dst, `,"failed_sh":`...), r.FailedSh)
	return appendCount(append(dst, `,"open_sh":`...), r.OpenSh)
}

func appendJob(dst []byte, r *projections.Job) []byte {
	dst = jsonenc.AppendString(append(dst, `"job_id":`...), r.JobID)
	dst = appendState(append(dst, `,"state":`...), r.State)
	dst = appendNull(append(dst, `,"started_at_ms":`...), r.StartedAtMs)
	dst = appendNull(append(dst, `,"finished_at_ms":`...), r.FinishedAtMs)
	return appendNull(append(dst, `,"exit_code":`...), r.ExitCode)
}

func appendShEvent(dst []byte, r *projections.ShEvent) []byte {
	dst = jsonenc.AppendString(append(dst, `"job_id":`...), r.JobID)
	dst = appendCount(append(dst, `,"seq":`...), r.Seq)
	dst = jsonenc.AppendString(append(dst, `,"cmd":`...), r.Cmd)
	dst = jsonenc.AppendInt(append(dst, `,"started_at_ms":`...), r.StartedAtMs)
	dst = appendNull(append(dst, `,"finished_at_ms":`...), r.FinishedAtMs)
	return appendNull(append(dst, `,"exit_code":`...), r.ExitCode)
}

func appendRunTiming(dst []byte, r *projections.RunTiming) []byte {
	dst = appendNull(append(dst, `"started_at_ms":`...), r.StartedAtMs)
	dst = appendNull(append(dst, `,"last_at_ms":`...), r.LastAtMs)
	dst = appendNull(append(dst, `,"wall_ms":`...), r.WallMs)
	dst = appendNull(append(dst, `,"busy_ms":`...), r.BusyMs)
	dst = appendNull(append(dst, `,"job_ms":`...), r.JobMs)
	return appendCount(append(dst, `,"peak_jobs":`...), r.PeakJobs)
}

func appendJobTiming(dst []byte, r *projections.JobTiming) []byte {
	dst = jsonenc.AppendString(append(dst, `"job_id":`...), r.JobID)
	dst = appendNull(append(dst, `,"offset_ms":`...), r.OffsetMs)
	dst = appendNull(append(dst, `,"duration_ms":`...), r.DurationMs)
	dst = appendCount(append(dst, `,"sh_count":`...), r.ShCount)
	dst = appendNull(append(dst, `,"sh_ms":`...), r.ShMs)
	return appendNull(append(dst, `,"gap_ms":`...), r.GapMs)
}

func appendShTiming(dst []byte, r *projections.ShTiming) []byte {
	dst = jsonenc.AppendString(append(dst, `"job_id":`...), r.JobID)
	dst = appendCount(append(dst, `,"seq":`...), r.Seq)
	dst = appendNull(append(dst, `,"offset_ms":`...), r.OffsetMs)
	return appendNull(append(dst, `,"duration_ms":`...), r.DurationMs)
}

func appendSlowSh(dst []byte, r *projections.SlowSh) []byte {
	dst = jsonenc.AppendString(append(dst, `"job_id":`...), r.JobID)
	dst = appendCount(append(dst, `,"seq":`...), r.Seq)
	return jsonenc.AppendInt(append(dst, `,"duration_ms":`...), r.DurationMs)
}

func appendDiagnostic(dst []byte, r *projections.Diagnostic) []byte {
	dst = jsonenc.AppendString(append(dst, `"code":`...), string(r.Code))
	dst = jsonenc.AppendInt(append(dst, `,"line":`...), r.Line)
	dst = jsonenc.AppendInt(append(dst, `,"offset":`...), r.Offset)
	dst = append(dst, `,"job_id":`...)
	if !r.JobID.Valid {
		return append(dst, "null"...)
	}
	return jsonenc.AppendString(dst, r.JobID.V)
}

func appendNull[T int32 | int64](dst []byte, n projections.Null[T]) []byte {
	if !n.Valid {
		return append(dst, "null"...)
	}
	return jsonenc.AppendInt(dst, int64(n.V))
}

func appendCount(dst []byte, n int) []byte { return jsonenc.AppendInt(dst, int64(n)) }

// appendState appends one of the states, none of which needs escapes.
func appendState(dst []byte, s projections.State) []byte {
	return append(append(append(dst, '"'), s...), '"')
}
