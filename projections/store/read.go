package store

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// Read returns the stored rows of a run and projection, in order. It fails with [ErrNoRun] for
// a run that is not stored.
func Read[R comparable](ctx context.Context, s Store, of *projections.Defined[R], run domain.RunID) (rows []R, err error) {
	err = s.View(ctx, run, func(snapshot Snapshot) error {
		if _, err := readRun(snapshot, run); err != nil {
			return err
		}
		rows, err = values(snapshot, of)
		return err
	})
	return rows, err
}

// ReadRun returns the row of a run. It fails with [ErrNoRun] for one that is not stored.
func ReadRun(ctx context.Context, s Store, run domain.RunID) (row Run, err error) {
	err = s.View(ctx, run, func(snapshot Snapshot) error {
		row, err = readRun(snapshot, run)
		return err
	})
	return row, err
}

// ReadRecord returns all rows of a run, as they are at one moment: the record that
// [projections.Project] makes of its stream. It fails with [ErrNoRun] for a run that is not
// stored.
func ReadRecord(ctx context.Context, s Store, run domain.RunID) (*projections.Record, error) {
	record := &projections.Record{}
	err := s.View(ctx, run, func(snapshot Snapshot) error {
		row, err := readRun(snapshot, run)
		if err != nil {
			return err
		}
		record.Run, record.Timings.Run = row.Run, row.RunTiming
		for _, err := range []error{
			into(&record.Labels, snapshot, projections.LabelRows),
			into(&record.Jobs, snapshot, projections.Jobs),
			into(&record.ShEvents, snapshot, projections.ShEvents),
			into(&record.Timings.Jobs, snapshot, projections.JobTimings),
			into(&record.Diagnostics, snapshot, projections.Diagnostics),
		} {
			if err != nil {
				return err
			}
		}
		record.Timings.ShEvents = shTimings(row, record.ShEvents)
		record.Timings.Slowest = slowest(record.Timings.ShEvents)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return record, nil
}

func into[R comparable](to *[]R, snapshot Snapshot, of *projections.Defined[R]) (err error) {
	*to, err = values(snapshot, of)
	return err
}

// readRun reads the row of a run. It fails with [ErrNoRun] if there is none.
func readRun(snapshot Snapshot, run domain.RunID) (Run, error) {
	rows, err := values(snapshot, projections.RunTable)
	if err != nil {
		return Run{}, err
	}
	if len(rows) == 0 {
		return Run{}, fmt.Errorf("run %q: %w", run, ErrNoRun)
	}
	return rows[0], nil
}

// values returns the values of rows; never nil, since that would be null in JSON.
func values[R comparable](snapshot Snapshot, of *projections.Defined[R]) ([]R, error) {
	all := []R{}
	for row, err := range typed(snapshot, of) {
		if err != nil {
			return nil, err
		}
		all = append(all, row.Value)
	}
	return all, nil
}

// typed yields rows with their type.
func typed[R comparable](snapshot Snapshot, of *projections.Defined[R]) iter.Seq2[projections.Row[R], error] {
	return func(yield func(projections.Row[R], error) bool) {
		for row, err := range snapshot.Rows(of.Definition) {
			if err != nil {
				yield(projections.Row[R]{}, err)
				return
			}
			if !yield(projections.Row[R]{Index: row.Index, Final: row.Final, Value: *of.At(row.Value)}, nil) {
				return
			}
		}
	}
}

// shTimings derives the timings of commands, as the view sh_timings does.
func shTimings(run Run, sh []projections.ShEvent) []projections.ShTiming {
	timings := make([]projections.ShTiming, len(sh))
	for i, row := range sh {
		started := projections.Some(row.StartedAtMs)
		timings[i] = projections.ShTiming{
			JobID: row.JobID, Seq: row.Seq,
			OffsetMs: span(run.StartedAtMs, started), DurationMs: span(started, row.FinishedAtMs),
		}
	}
	return timings
}

// span is [projections.Span]; null if start or end is.
func span(start, end projections.Null[int64]) projections.Null[int64] {
	if !start.Valid || !end.Valid {
		return projections.Null[int64]{}
	}
	return projections.Span(start.V, end.V)
}

// slowest returns the ten longest of the commands, which are in stream order.
func slowest(sh []projections.ShTiming) []projections.SlowSh {
	rows := []projections.SlowSh{}
	for _, timing := range sh {
		if timing.DurationMs.Valid {
			rows = append(rows, projections.SlowSh{JobID: timing.JobID, Seq: timing.Seq, DurationMs: timing.DurationMs.V})
		}
	}
	slices.SortStableFunc(rows, func(a, b projections.SlowSh) int { return cmp.Compare(b.DurationMs, a.DurationMs) })
	return slices.Clip(rows[:min(len(rows), 10)])
}
