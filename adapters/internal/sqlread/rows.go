package sqlread

import "github.com/quire-ci/quire-project/projections"

func jobColumns(d *Dialect, row *projections.Row[projections.Job]) []any {
	r := &row.Value
	return []any{
		position{&row.Index}, text[string]{d, &r.JobID}, text[projections.State]{d, &r.State},
		nullInteger[int64]{&r.StartedAtMs}, nullInteger[int64]{&r.FinishedAtMs}, nullInteger[int32]{&r.ExitCode},
	}
}

func shEventColumns(d *Dialect, row *projections.Row[projections.ShEvent]) []any {
	r := &row.Value
	return []any{
		position{&row.Index}, text[string]{d, &r.JobID}, integer[int]{&r.Seq}, text[string]{d, &r.Cmd},
		integer[int64]{&r.StartedAtMs}, nullInteger[int64]{&r.FinishedAtMs}, nullInteger[int32]{&r.ExitCode},
	}
}

func timingColumns(d *Dialect, row *projections.Row[projections.JobTiming]) []any {
	r := &row.Value
	return []any{
		position{&row.Index}, text[string]{d, &r.JobID},
		nullInteger[int64]{&r.OffsetMs}, nullInteger[int64]{&r.DurationMs},
		integer[int]{&r.ShCount}, nullInteger[int64]{&r.ShMs}, nullInteger[int64]{&r.GapMs},
	}
}

func shTimingColumns(d *Dialect, row *projections.Row[projections.ShTiming]) []any {
	r := &row.Value
	return []any{
		position{&row.Index}, text[string]{d, &r.JobID}, integer[int]{&r.Seq},
		nullInteger[int64]{&r.OffsetMs}, nullInteger[int64]{&r.DurationMs},
	}
}

func diagnosticColumns(d *Dialect, row *projections.Row[projections.Diagnostic]) []any {
	r := &row.Value
	return []any{
		position{&row.Index}, text[projections.Code]{d, &r.Code},
		integer[int64]{&r.Line}, integer[int64]{&r.Offset}, nullText{d, &r.JobID},
	}
}
